#!/usr/bin/python3
"""The lab over real sockets: up, resolve, break, fix, down; what a killed process looks like; the namespace
form where the system allows it. Prints TAP.

    BANYAN_BUILD=build tools/e2e_lab.py
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
points = 0
failed = 0


def find(name):
    for d in ('', 'src/app'):
        p = os.path.join(BUILD, d, name)
        if os.access(p, os.X_OK):
            return os.path.abspath(p)
    sys.exit(f'Bail out! no {name} in {BUILD}')


BANYAN = find('banyan')


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-20:]:
            print('# ' + line)


def banyan(*args, env=None):
    return subprocess.run([BANYAN, *args], capture_output=True, text=True, timeout=120, env=env)


def status(env):
    r = banyan('lab', 'status', '--json', env=env)
    return json.loads(r.stdout), r.returncode


def ask(state, name, qtype='A', *more):
    r = subprocess.run(['dig', '+time=10', '+tries=1', f'@{state["resolver_address"]}', '-p',
                        str(state['resolver_port']), name, qtype, *more], capture_output=True, text=True, timeout=60)
    return r.stdout


def rcode(out):
    at = out.find('status: ')
    return out[at + 8:out.find(',', at)] if at >= 0 else 'none'


ANSWERS = (('www.example.org', 'A', '192.0.2.80'), ('www.example.net', 'AAAA', '2001:db8::84'),
           ('docs.example.io', 'A', '203.0.113.62'), ('shop.example.co.uk', 'A', '198.51.100.40'),
           ('one.chain.org', 'A', '93.184.216.34'), ('q.wildcard.org', 'A', '192.0.2.151'),
           ('www.old.moved.org', 'A', '93.184.216.34'), ('www.renamed.net', 'A', '192.0.2.80'),
           ('host.c.b.a.deep.org', 'A', '192.0.2.183'), ('www.lame.org', 'A', '192.0.2.113'),
           ('www.dead.org', 'A', '192.0.2.124'), ('www.old-edns.net', 'A', '192.0.2.141'),
           ('www.tcponly.net', 'A', '192.0.2.141'), ('www.spoofed.net', 'A', '192.0.2.141'),
           ('mail.example.co.jp', 'A', '203.0.113.82'), ('www.xn--bcher-kva.de', 'A', '203.0.113.64'),
           ('80.2.0.192.in-addr.arpa', 'PTR', 'www.example.org.'),
           ('101.2.0.192.in-addr.arpa', 'PTR', 'near.slow.org.'))


def main_form(env):
    r = banyan('lab', 'up', env=env)
    ok(r.returncode == 0 and 'banyan trace' in r.stdout, 'lab up', r.stdout + r.stderr)
    if r.returncode != 0:
        return
    s, rc = status(env)
    ok(rc == 0 and s['running'], 'status says it runs', s)
    r = banyan('lab', 'up', env=env)
    ok(r.returncode == 0 and 'already running' in r.stdout, 'a second up says it is running already', r.stdout)
    for name, qtype, want in ANSWERS:
        out = ask(s, name, qtype)
        ok(rcode(out) == 'NOERROR' and want in out, f'{name} {qtype}', out)
    out = ask(s, 'many.big.net', 'A', '+tcp')
    ok(out.count('198.18.') >= 200, 'an answer of 200 addresses', out)
    for name in ('www.gone.net', 'www.alllame.org', 'www.cyclic.org', 'loop.chain.org', 'www.refused.net'):
        ok(rcode(ask(s, name)) == 'SERVFAIL', f'{name} is SERVFAIL')
    ok(rcode(ask(s, 'nowhere.example.org')) == 'NXDOMAIN', 'a name that does not exist')
    signing(env, s)
    breaking(env, s)
    dying(env, s)


def breaking(env, s):
    for fault, target, name, want in (('lame', 'example.org', 'www.example.org', 'SERVFAIL'),
                                      ('dead', 'ns1.bighost.io', 'docs.example.io', 'SERVFAIL'),
                                      ('unreachable', 'ns1.example.co.jp', 'www.example.co.jp', 'SERVFAIL'),
                                      ('no-delegation', 'example.com', 'www.example.com', 'NXDOMAIN'),
                                      ('alias-loop', 'www.example.com', 'www.example.com', 'SERVFAIL'),
                                      ('strip', 'example.org', 'www.example.org', 'SERVFAIL'),
                                      ('no-do', 'example.org', 'www.example.org', 'SERVFAIL'),
                                      ('captive', 'example.org', 'www.example.org', 'SERVFAIL')):
        ok(rcode(ask(s, name)) == 'NOERROR', f'{name} resolves')
        r = banyan('lab', 'break', fault, target, env=env)
        ok(r.returncode == 0, f'break {fault} {target}', r.stdout + r.stderr)
        ok({'fault': fault, 'target': target + '.'} in status(env)[0]['faults'], 'status shows the fault')
        out = ask(s, name)
        ok(rcode(out) == want, f'then {name} is {want}', out)
        r = banyan('lab', 'fix', target, env=env)
        ok(r.returncode == 0 and status(env)[0]['faults'] == [], f'fix {target}', r.stdout + r.stderr)
        out = ask(s, name)
        ok(rcode(out) == 'NOERROR', f'{name} resolves again', out)
    for fault, target, word in (('dead', 'example.org', 'no reply from 127.53.3.'),
                                ('lame', 'example.org', 'does not serve it'),
                                ('no-glue', 'example.org', 'no address of any server'),
                                ('wrong-glue', 'example.org', 'no reply from 127.53.255.1'),
                                ('strip', 'example.org', 'DNSKEY is missing'),
                                ('captive', 'example.org', 'publishes no keys')):
        banyan('lab', 'break', fault, target, env=env)
        r = banyan('explain', '@lab', 'www.example.org', env=env)
        ok(word in r.stdout, f'explain finds {fault}', r.stdout + r.stderr)
        banyan('lab', 'fix', target, env=env)
    banyan('lab', 'break', 'slow', 'example.org', env=env)
    banyan('lab', 'break', 'dead', 'ns2.exampledns.com', env=env)
    r = banyan('lab', 'fix', env=env)
    ok('2 of 2' in r.stdout and status(env)[0]['faults'] == [], 'fix mends everything', r.stdout)
    r = banyan('lab', 'break', 'lmae', 'example.org', env=env)
    ok(r.returncode != 0 and 'did you mean "lame"' in r.stderr, 'a misspelt fault gets a suggestion', r.stderr)
    r = banyan('lab', 'break', 'lame', 'nowhere.invalid', env=env)
    ok(r.returncode != 0 and status(env)[0]['faults'] == [], 'an unknown target changes nothing', r.stderr)
    r = banyan('lab', 'break', 'ksk-mising', env=env)
    ok(r.returncode != 0 and 'did you mean "ksk-missing"' in r.stderr, 'a misspelt recipe gets a suggestion', r.stderr)
    r = banyan('lab', 'break', 'sig-expired', 'www.example.net', env=env)
    ok(r.returncode != 0 and 'is the zone signed' in r.stderr and status(env)[0]['faults'] == [],
       'a fault of signatures in an unsigned zone changes nothing', r.stderr)
    r = banyan('lab', 'break', 'sig-expired', env=env)
    ok(r.returncode == 0 and 'www.example.org A bogus, extended error 7' in r.stdout,
       'a recipe without a target: what to ask, and what should be found', r.stdout + r.stderr)
    banyan('lab', 'fix', env=env)
    r = banyan('lab', 'break', '--list')
    ok('no-glue' in r.stdout and 'truncate' in r.stdout, 'break --list')


def signing(env, s):
    run = env['BANYAN_LAB_RUN']
    r = banyan('lab', 'anchor', env=env)
    lines = r.stdout.splitlines()
    ok(len(lines) == 2 and ' DS ' in lines[0] and ' DNSKEY 257 3 ' in lines[1], 'lab anchor', r.stdout + r.stderr)
    for form, name in (('--ds', 'anchor.ds'), ('--dnskey', 'anchor.key')):
        with open(os.path.join(run, name)) as f:
            ok(f.read().endswith(banyan('lab', 'anchor', form, env=env).stdout), f'{name} of the run directory')
    r = banyan('lab', 'anchor', '--unbound', '--bind', env=env)
    ok('trust-anchor: ". ' in r.stdout and '. static-key 257 3 ' in r.stdout, 'the anchor for Unbound and BIND', r.stdout)
    out = subprocess.run(['dig', '+norec', '+dnssec', '@127.53.1.1', '-p', str(s['servers_port']), '.', 'DNSKEY'],
                         capture_output=True, text=True, timeout=30).stdout.replace(' ', '')
    ok(lines[1].split()[-1] in out, 'the anchor is the key of the root that is served', out)
    zones = {z['name']: z for z in json.loads(banyan('lab', 'list', '--json', env=env).stdout)['zones']}
    got = [zones[z]['state'] for z in ('.', 'example.org.', 'example.net.', 'c.b.a.deep.org.')]
    ok(got == ['secure', 'secure', 'insecure', 'island'], 'list tells how zones are signed', got)
    ok('nsec3-opt-out' in banyan('lab', 'list', env=env).stdout, 'and so it does for people')


def dying(env, s):
    os.kill(s['resolver_pid'], signal.SIGKILL)
    time.sleep(0.3)
    after, rc = status(env)
    ok(rc != 0 and not after['running'] and not after['resolver_alive'] and after['servers_alive'],
       'status notices a killed resolver', after)
    r = banyan('lab', 'up', env=env)
    again, _ = status(env)
    ok(r.returncode == 0 and again['running'], 'up starts it anew', r.stdout + r.stderr)
    ok(rcode(ask(again, 'www.example.org')) == 'NOERROR', 'and it resolves')
    r = banyan('lab', 'down', env=env)
    ok(r.returncode == 0, 'down', r.stderr)
    after, rc = status(env)
    ok(rc != 0 and not after['running'], 'status says it is down', after)
    for pid in (again['resolver_pid'], again['servers_pid']):
        ok(not os.path.exists(f'/proc/{pid}') or open(f'/proc/{pid}/stat').read().split()[2] == 'Z',
           f'process {pid} has ended')
    ok(banyan('lab', 'down', env=env).returncode == 0, 'a second down harms nothing')
    faults = os.path.join(env['BANYAN_LAB_RUN'], 'faults')
    os.makedirs(faults)
    r = banyan('lab', 'up', env=env)
    ok(r.returncode == 1 and faults in r.stderr and '--run' in r.stderr, 'a folder where the faults are to stand: no lab, and it says why', r.stderr)
    os.rmdir(faults)
    with open(faults, 'w') as f:
        f.write('sig-expired www.example.org.\n')
    r = banyan('lab', 'up', env=env)
    ok(r.returncode == 0 and 'an earlier run' in r.stdout and 'cleared' in r.stdout, 'faults of an earlier run are cleared, with a word', r.stdout + r.stderr)
    banyan('lab', 'down', env=env)


def namespace_form(env):
    if subprocess.run(['unshare', '-Urn', 'true'], capture_output=True).returncode != 0 or not shutil.which('ip'):
        print('# no user namespaces here: the namespace form is not tested')
        return
    r = banyan('lab', 'up', '--namespace', env=env)
    ok(r.returncode == 0, 'up --namespace', r.stdout + r.stderr)
    if r.returncode != 0:
        return
    r = banyan('lab', 'shell', 'dig', '+time=10', '+tries=1', 'www.example.org', 'AAAA', env=env)
    ok('2001:db8::80' in r.stdout, 'dig inside, unchanged, finds the resolver', r.stdout + r.stderr)
    r = banyan('lab', 'shell', 'dig', '+time=5', '+tries=1', '+norec', '@2001:503:ba3e::2:30', 'org', 'NS', env=env)
    ok('afilias-nst' in r.stdout, 'a root server at its real IPv6 address, port 53', r.stdout + r.stderr)
    r = banyan('lab', 'shell', 'cat', '/etc/resolv.conf', env=env)
    ok("lab's resolver" in r.stdout, 'resolv.conf inside', r.stdout)
    if shutil.which('unbound-host'):
        r = banyan('lab', 'shell', 'unbound-host', '-t', 'A', 'www.example.org', env=env)
        ok('192.0.2.80' in r.stdout, 'another resolver library inside', r.stdout + r.stderr)
    r = banyan('lab', 'break', 'dead', 'example.org', env=env)
    ok(r.returncode == 0, 'break inside', r.stdout + r.stderr)
    r = banyan('lab', 'shell', 'dig', '+time=15', '+tries=1', 'www.example.org', env=env)
    ok(rcode(r.stdout) == 'SERVFAIL', 'and it is broken', r.stdout)
    ok(banyan('lab', 'down', env=env).returncode == 0 and status(env)[1] != 0, 'down')


def main():
    tmp = tempfile.mkdtemp(prefix='banyan-e2e-lab-')
    env = dict(os.environ, BANYAN_LAB_RUN=os.path.join(tmp, 'run'), BANYAN_LAB=os.path.join(ROOT, 'lab'))
    try:
        main_form(env)
        namespace_form(env)
    finally:
        banyan('lab', 'down', env=env)
        shutil.rmtree(tmp, ignore_errors=True)
    print(f'1..{points}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
