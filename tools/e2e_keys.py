#!/usr/bin/env python3
"""banyan keys: the life of a key by command, key files to and from BIND's and ldns' tools, a killed command, a full
disk, stores that others can read or that are damaged. Prints TAP.

    BANYAN_BUILD=build tools/e2e_keys.py
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
BANYAN = next((p for p in (os.path.join(BUILD, d, 'banyan') for d in ('', 'src/app')) if os.access(p, os.X_OK)), None)
if BANYAN is None:
    sys.exit(f'Bail out! no banyan in {BUILD}')
VECTORS = os.path.join(ROOT, 'vectors/keys')
WORK = tempfile.mkdtemp(prefix='banyan-keys-')
STATE = os.path.join(WORK, 'state')
KEYS = os.path.join(STATE, 'keys')
ENV = dict(os.environ, BANYAN_STATE=STATE)
points = failed = 0


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-25:]:
            print('# ' + line)


def run(*words, cwd=None):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env=ENV, cwd=cwd)


def keys(*words):
    return run(BANYAN, 'keys', *words)


def status(zone):
    r = keys('status', zone, '--json')
    return json.loads(r.stdout)['keys'] if r.returncode == 0 else []


def has(tool):
    return shutil.which(tool) is not None


def folder(name):
    path = os.path.join(WORK, name)
    os.makedirs(path, exist_ok=True)
    return path


def life():
    r = keys('list')
    ok(r.returncode == 1 and 'there is no key store' in r.stderr and 'generate' in r.stderr, 'without a store: says what to do', r)
    r = keys('roll', 'example.org')
    ok(r.returncode == 1 and not os.path.exists(KEYS), 'a roll makes no store', r)
    r = keys('generate', 'Example.ORG')
    ok(r.returncode == 0 and 'within a minute' in r.stdout, 'first key', r)
    ok(os.stat(KEYS).st_mode & 0o777 == 0o700, 'the folder is for its owner only')
    ok(all(os.stat(os.path.join(KEYS, f)).st_mode & 0o777 == 0o600 for f in os.listdir(KEYS)), 'and so are the files')
    k = status('example.org')
    ok(len(k) == 1 and k[0]['state'] == 'ready' and k[0]['signs_zone'] and k[0]['signs_keys'] and k[0]['cds'], 'it is in use', k)
    r = keys('generate', 'example.org')
    ok(r.returncode == 1 and '--role' in r.stderr, 'a second first key is refused', r)
    first = k[0]['tag']
    r = keys('status', 'example.org')
    ok(f'banyan keys ds-seen example.org. {first}' in r.stdout and f'IN DS {first} 13 2 ' in r.stdout, 'status says what to do', r)
    r = keys('retire', 'example.org', str(first))
    ok(r.returncode == 1 and 'last that signs' in r.stderr, 'the last key is not retired', r)
    r = keys('ds-seen', 'example.org')
    ok(r.returncode == 0 and status('example.org')[0]['state'] == 'active', 'ds-seen finds the key that waits', r)
    r = keys('roll', 'example.org', '--dnskey-ttl', '4', '--propagation', '0', '--zone-ttl', '1', '--ds-ttl', '1')
    k = status('example.org')
    ok(r.returncode == 0 and len(k) == 2 and k[1]['state'] == 'published' and k[1]['signs_keys'] and not k[1]['signs_zone'], 'a roll begins', (r, k))
    r = keys('roll', 'example.org')
    ok(r.returncode == 1 and 'under way' in r.stderr, 'one roll at a time', r)
    time.sleep(4.2)
    k = status('example.org')
    ok(k[0]['state'] == 'retired' and not k[0]['signs_zone'] and k[0]['signs_keys'] and k[1]['state'] == 'ready' and k[1]['signs_zone'], 'the new key signs', k)
    r = keys('status', 'example.org')
    ok(f'no longer the one of key {first}' in r.stdout, 'status says which DS goes', r)
    r = keys('ds-seen', 'example.org', str(k[1]['tag']), '--ds-ttl', '1', '--propagation', '0', '--zone-ttl', '1')
    time.sleep(2.1)
    k = status('example.org')
    ok(k[0]['state'] == 'removed' and k[1]['state'] == 'active', 'the old key leaves', (r, k))
    r = keys('delete', 'example.org', str(k[1]['tag']))
    ok(r.returncode == 1 and 'retire it first' in r.stderr, 'a key in use is not deleted', r)
    r = keys('delete', 'example.org', str(first))
    ok(r.returncode == 0 and len(status('example.org')) == 1, 'a removed one is', r)
    r = keys('roll', 'example.org', '-a', 'ED25519', '--json')
    k = status('example.org')
    ok(r.returncode == 0 and json.loads(r.stdout)['zone'] == 'example.org.' and k[1]['algorithm'] == 15 and k[1]['signs_zone'] and not k[1]['published'],
       'another algorithm signs before its key is published', (r, k))
    r = keys('status', 'exmaple.org')
    ok(r.returncode == 1 and 'did you mean example.org.' in r.stderr, 'a zone that is not there: the nearest is named', r)
    for words in (['rol', 'x'], ['roll'], ['status', 'a..b'], ['roll', 'x', '-a', '5'], ['generate', 'x', '--bits', '99'], ['ds', 'x', '--digest', '3']):
        r = keys(*words)
        ok(r.returncode == 2 and r.stderr, 'wrong use: keys ' + ' '.join(words), r)
    for words in (('retire', 'example.org', '99999'), ('delete', 'example.org', 'x'), ('ds-seen', 'example.org', 'x'),
                  ('ds', 'example.org', 'x'), ('export', 'example.org', 'x', WORK)):
        r = keys(*words)
        ok(r.returncode == 1 and r.stderr.count('is no key tag') == 1, 'said once: keys ' + ' '.join(words[:3]), r)


def files():
    whole = sorted(f[:-4] for f in os.listdir(VECTORS) if re.fullmatch(r'Kexample\.org\.\+\d+\+\d+\.key', f))
    r = keys('import', 'example.org', '--state-dir', os.path.join(WORK, 's2'), *(os.path.join(VECTORS, f + e) for f in whole for e in ('.private', '.key')))
    k = json.loads(keys('status', 'example.org', '-d', os.path.join(WORK, 's2'), '--json').stdout)['keys']
    ok(r.returncode == 0 and len(k) == len(whole) == 9, 'keys of every algorithm are imported', r)
    ok(sorted({x['algorithm'] for x in k}) == [8, 10, 13, 14, 15, 16], 'of every algorithm')
    r = keys('import', 'example.org', os.path.join(VECTORS, whole[0]), '-d', os.path.join(WORK, 's2'))
    ok(r.returncode == 1 and 'there already' in r.stderr, 'not twice', r)
    r = keys('import', 'example.net', os.path.join(VECTORS, whole[0]))
    ok(r.returncode == 1 and 'another zone' in r.stderr, 'nor into another zone', r)
    alone = folder('alone')
    shutil.copy(os.path.join(VECTORS, whole[0] + '.key'), alone)
    r = keys('import', 'pub.example', os.path.join(alone, whole[0] + '.key'))
    r2 = keys('import', 'example.org', os.path.join(alone, whole[0] + '.key'))
    ok(r2.returncode == 1 and '--public' in r2.stderr, 'a public half alone wants --public', r2)
    r2 = keys('import', 'example.org', '--public', os.path.join(alone, whole[0] + '.key'))
    k = [x for x in status('example.org') if not x['private']]
    ok(r2.returncode == 0 and len(k) == 1 and k[0]['published'] and not k[0]['signs_zone'] and not k[0]['signs_keys'], 'and is published only', (r2, k))
    out = folder('out')
    r = keys('export', 'example.org', out, '-d', os.path.join(WORK, 's2'))
    got = sorted(os.listdir(out))
    ok(r.returncode == 0 and got == sorted(f + e for f in whole for e in ('.key', '.private')), 'all are exported', (r, got))
    ok(all(os.stat(os.path.join(out, f)).st_mode & 0o777 == 0o600 for f in got if f.endswith('.private')), 'private halves for their owner only')
    r = keys('export', 'example.org', out, '-d', os.path.join(WORK, 's2'))
    ok(r.returncode == 1 and '--force' in r.stderr, 'nothing is overwritten', r)
    os.chmod(os.path.join(out, whole[0] + '.private'), 0o644)
    r = keys('export', 'example.org', out, '-f', '-d', os.path.join(WORK, 's2'))
    ok(r.returncode == 0 and os.stat(os.path.join(out, whole[0] + '.private')).st_mode & 0o777 == 0o600, 'but with --force, and the mode is right again', r)
    same = True
    for f in whole:
        a, b = (open(os.path.join(d, f + '.private')).read() for d in (VECTORS, out))
        same &= all(line in b for line in a.splitlines() if not line.startswith('Algorithm'))
    ok(same, 'the exported halves say what the imported said')
    if has('dnssec-settime'):
        bad = [f for f in whole if run('dnssec-settime', '-p', 'all', f, cwd=out).returncode != 0]
        ok(not bad, 'dnssec-settime reads them', bad)
    foreign(out)


ZONE = '''$ORIGIN example.org.
@ 3600 SOA ns hostmaster 1 3600 600 86400 300
@ 3600 NS ns
ns 3600 A 192.0.2.1
'''


def foreign(out):
    """What signs with exported keys, and keys that others made."""
    for algorithm, split in (('13', False), ('15', True), ('8', True)):
        state = os.path.join(WORK, f'sign{algorithm}')
        r = keys('generate', 'example.org', '-d', state, '-a', algorithm, *(['--split'] if split else []))
        d = folder(f'sign-{algorithm}')
        r = keys('export', 'example.org', d, '-d', state)
        open(os.path.join(d, 'zone'), 'w').write(ZONE)
        stems = sorted(f[:-4] for f in os.listdir(d) if f.endswith('.key'))
        if has('dnssec-signzone') and has('dnssec-verify'):
            words = ['dnssec-signzone', '-o', 'example.org', '-f', 'signed'] + (['-S'] if split else ['-S', '-z']) + ['zone']
            r = run(*words, cwd=d)
            v = run('dnssec-verify', *([] if split else ['-z']), '-o', 'example.org', 'signed', cwd=d)
            ok(r.returncode == 0 and v.returncode == 0, f'dnssec-signzone signs with exported keys of algorithm {algorithm}', r.stderr + v.stderr)
        if has('ldns-signzone') and has('ldns-verify-zone'):
            r = run('ldns-signzone', '-f', 'lsigned', 'zone', *stems, cwd=d)
            v = run('ldns-verify-zone', 'lsigned', cwd=d)
            ok(r.returncode == 0 and v.returncode == 0, f'ldns-signzone does (algorithm {algorithm})', r.stderr + v.stdout + v.stderr)
        if has('dnssec-dsfromkey'):
            sep = next(s for s in stems if ' 257 ' in open(os.path.join(d, s + '.key')).read())
            for digest in ('2', '4'):
                theirs = run('dnssec-dsfromkey', '-a', {'2': 'SHA-256', '4': 'SHA-384'}[digest], sep, cwd=d).stdout.split()
                ours = keys('ds', 'example.org', '-d', state, '--digest', digest).stdout.split()
                ok(ours[-4:] == theirs[-4:], f'dnssec-dsfromkey makes the same DS (algorithm {algorithm}, digest {digest})', (ours, theirs))
    for tool, words in (('dnssec-keygen', ['-q', '-a', '13', '-f', 'KSK', 'example.org']), ('ldns-keygen', ['-a', 'ED25519', '-k', 'example.org']),
                        ('dnssec-keygen', ['-q', '-a', '8', '-b', '1024', 'example.org'])):
        if has(tool):
            d = folder('from-' + tool + words[-2].strip('-'))
            run(tool, *words, cwd=d)
            r = keys('import', 'example.org', '-d', os.path.join(d, 'state'), *(os.path.join(d, f) for f in os.listdir(d)))
            k = json.loads(keys('status', 'example.org', '-d', os.path.join(d, 'state'), '--json').stdout or '{"keys": []}')['keys']
            ok(r.returncode == 0 and len(k) == 1 and k[0]['private'] and (k[0]['signs_zone'] or k[0]['signs_keys']), f'a key of {tool} ({" ".join(words)}) is in use', r)


def guarded():
    data = os.path.join(KEYS, 'data.mdb')
    for path, bad, good, hint in ((data, 0o644, 0o600, 'chmod 600'), (KEYS, 0o770, 0o700, 'chmod go-w')):
        os.chmod(path, bad)
        r = keys('list')
        ok(r.returncode == 1 and hint in r.stderr, f'{os.path.basename(path)} open to others: {hint}', r)
        os.chmod(path, good)
    whole = open(data, 'rb').read()
    for what, content in (('cut short', whole[:len(whole) // 2]), ('empty', b''), ('noise', os.urandom(len(whole))), ('zeros', bytes(len(whole)))):
        open(data, 'wb').write(content)
        r = keys('list')
        w = keys('generate', 'new.example')
        ok(r.returncode == 1 and w.returncode == 1 and 'damaged' in r.stderr and 'damaged' in w.stderr, f'{what}: told, not used', (r, w))
    at = whole.index(b'banyan-keys 1\nzone example.org')
    open(data, 'wb').write(whole[:at + 60] + b'X' + whole[at + 61:])
    r = keys('generate', 'new.example')
    ok(r.returncode == 1 and 'the keys of example.org.' in r.stderr and 'checksum' in r.stderr, 'a byte of a key: told which zone', r)
    open(data, 'wb').write(whole)
    ok(keys('list').returncode == 0, 'put back, all is well')


def killed():
    """kill -9 at any moment: the command's change is there whole or not at all."""
    state = os.path.join(WORK, 'kill')
    r = random.Random(4)
    seen, grown, good = 0, 0, True
    begin = time.monotonic()
    keys('generate', 'k0.example', '-d', os.path.join(WORK, 'one'), '-r', 'zsk', '-a', '15')
    span = 1.5 * (time.monotonic() - begin)
    for i in range(100):
        p = subprocess.Popen([BANYAN, 'keys', 'generate', f'k{i % 7}.example', '-d', state, '-r', 'zsk', '-a', '15'],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(r.random() * span)
        p.send_signal(signal.SIGKILL)
        p.wait()
        if not os.path.exists(os.path.join(state, 'keys/data.mdb')):
            continue
        q = keys('list', '--json', '-d', state)
        n = sum(len(z['keys']) for z in json.loads(q.stdout)) if q.returncode == 0 else -1
        good &= n >= seen
        if n < seen:
            print('#', i, n, seen, q.stderr)
        grown += n > seen
        seen = max(n, seen)
    ok(good and grown > 3, f'killed 100 times: always whole ({grown} changes were done)', (good, grown))


def together():
    """Several commands make the store and write to it at the same time."""
    state = os.path.join(WORK, 'many')
    all_of = [subprocess.Popen([BANYAN, 'keys', 'generate', f'm{i}.example', '-d', state, '-a', '15'], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True) for i in range(10)]
    said = [p.communicate(timeout=120)[1] for p in all_of]
    zones = json.loads(keys('list', '--json', '-d', state).stdout)
    ok(len(zones) == 10 and not any(p.returncode for p in all_of) and sorted(os.listdir(os.path.join(state, 'keys'))) == ['data.mdb', 'lock.mdb'],
       'ten commands at once on a new store', (said, len(zones)))


def full():
    """A disk without room, in a mount namespace of its own."""
    script = f'''mount -t tmpfs -o size=200k none {folder("small")} && cd {folder("small")} && mkdir -m 700 s
        i=0; while [ $i -lt 400 ]; do i=$((i+1)); {BANYAN} keys generate z$i.example -d s -a 15 >/dev/null 2>{WORK}/err || break; done
        {BANYAN} keys list -d s >{WORK}/list 2>&1; echo $? $i >{WORK}/rc'''
    r = run('unshare', '-rm', 'sh', '-c', script) if has('unshare') else None
    if r is None or not os.path.exists(os.path.join(WORK, 'rc')):
        ok(True, 'a full disk # SKIP no mount namespaces here')
        return
    rc, i = open(os.path.join(WORK, 'rc')).read().split()
    text, err = open(os.path.join(WORK, 'list')).read(), open(os.path.join(WORK, 'err')).read()
    ok(rc == '0' and 10 < int(i) < 400 and 'no space left' in err and text.count('\n') == int(i), 'a full disk: told, and what was there stays', (rc, i, err, text[-500:]))


try:
    life()
    files()
    guarded()
    killed()
    together()
    full()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
print(f'1..{points}')
sys.exit(failed != 0)
