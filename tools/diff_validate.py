#!/usr/bin/python3
"""Random signed zones, asked of Banyan's resolver and of Unbound: same RCODE, AD bit and answer records; and of a second
Unbound that knows no servers but Banyan's resolver and validates by itself what it gets from there, so that every
signature and every proof that Banyan passes on is judged by somebody else. Prints TAP.

    BANYAN_BUILD=build tools/diff_validate.py [--zones N] [--seconds S] [--seed X] [--wild] [--keep FOLDER]

In a network namespace: the root at one server, the random zones at a second, some children of theirs at a third; all
signed by `banyan zone sign` in every way it knows. With --wild also zones whose names are at the limits. Where the two
differ, BIND is asked too and shown.

Needs Debian's packages unbound, python3-dnspython and iproute2, and user namespaces; else skips.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

os.environ['PATH'] += ':/usr/sbin:/sbin'
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.zone
except ImportError:
    skip('no python3-dnspython')
import e2e_sign  # noqa: E402
import e2e_verify  # noqa: E402
from e2e_verify import BANYAN  # noqa: E402

BANYAND = os.path.join(os.path.dirname(BANYAN), 'banyand')
if not os.access(BANYAND, os.X_OK):
    BANYAND = os.path.join(os.environ.get('BANYAN_BUILD', 'build'), 'banyand')
ROOT_AT, ZONES_AT, CHILDREN_AT = '198.51.100.1', '198.51.100.2', '198.51.100.3'
BANYAN_AT, UNBOUND_AT, BEHIND_AT, BIND_AT = '127.0.0.11', '127.0.0.12', '127.0.0.13', '127.0.0.14'
ALGORITHMS = e2e_sign.ALGORITHMS
TYPES = ('A', 'AAAA', 'TXT', 'MX', 'NS', 'SOA', 'DS', 'DNSKEY', 'CNAME', 'DNAME', 'SRV', 'CDS', 'TYPE65280', 'HTTPS')
points = failed = 0


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[:120]:
            print('# ' + line)


def call(*argv):
    p = subprocess.run(argv, capture_output=True, text=True, errors='replace', timeout=60)
    if p.returncode != 0:
        raise RuntimeError(' '.join(argv) + ': ' + p.stdout + p.stderr)
    return p.stdout


# ---- the world --------------------------------------------------------------------------------------

class Made:
    """A zone, signed or not: its file, its DS records, its names."""

    def __init__(self, folder, origin, lines, rng, signed=True):
        word = 'root' if origin == '.' else origin.strip('.').replace('.', '-')
        self.origin, self.path, self.how = origin, os.path.join(folder, word + '.zone'), 'unsigned'
        source = self.path + '.in'
        with open(source, 'w') as f:
            f.write('$ORIGIN %s\n$TTL 3600\n%s\n' % (origin, '\n'.join(lines)))
        self.ds, self.keys = [], []
        if signed:
            keys = os.path.join(folder, 'keys-' + word)
            os.mkdir(keys)
            algorithm = rng.choice(ALGORITHMS)
            how = ['-a', algorithm] + (['--bits', '1024'] if algorithm.startswith('RSA') else [])
            how += (['--split'] if rng.random() < 0.4 else []) + rng.choice(e2e_sign.DENIALS)
            self.how = ' '.join(how)
            call(BANYAN, 'zone', 'sign', '-q', '-g', '-K', keys, '-j', '1', *how, '--origin', origin, '-o', self.path, source)
        else:
            shutil.copy(source, self.path)
        self.data = dns.zone.from_file(self.path, origin=origin, relativize=False, check_origin=False)
        if signed:
            self.ds = [r.to_text() for r in self.data.get_rdataset(origin, 'CDS')]
            self.keys = [r.to_text() for r in self.data.get_rdataset(origin, 'CDNSKEY')]


def cut(lines, names, rng):
    """A delegation more, and what it is called."""
    for _ in range(20):
        word = 'kid%d' % rng.randrange(1000)
        if word not in names:
            names.add(word)
            return word
    return None


def make_zone(folder, origin, rng, kinds, depth, out):
    zone = rng.choice(kinds)(rng)
    # the generator's servers are nowhere; here there is one
    lines = [l for l in zone.lines if not l.startswith('@ ') or ' NS ' not in l] + [f'@ 3600 IN NS ns.{origin}']
    if not any(l.split()[0].lower() == 'ns' for l in lines):
        lines.append(f'ns 3600 IN A {ZONES_AT if depth == 0 else CHILDREN_AT}')
    lines = [l.replace('192.0.2.1', ZONES_AT if depth == 0 else CHILDREN_AT) if l.lower().startswith('ns ') else l for l in lines]
    # the generator counts with another origin
    short = 255 - len(origin) + len(e2e_verify.ORIGIN)
    lines = [l for l in lines if e2e_sign.Wild.octets(l.split(None, 1)[0]) <= short]
    words = set()
    for _ in range(rng.choice([0, 1, 2]) if depth == 0 else 0):
        word = cut(lines, words, rng)
        kid = make_zone(folder, f'{word}.{origin}', rng, kinds, 1, out)
        lines += [f'{word} 3600 IN NS ns.{word}', f'ns.{word} 3600 IN A {CHILDREN_AT}']
        if kid.ds and rng.random() < 0.8:
            lines += [f'{word} 3600 IN DS {ds}' for ds in kid.ds]
    # DS that name no key of ours are made, too: by the generator
    made = Made(folder, origin, lines, rng, signed=rng.random() < 0.85)
    out.append((depth, made))
    return made


def make_world(folder, rng, count, kinds):
    zones, top = [], ['@ 3600 IN SOA ns.root. host.root. 1 3600 600 86400 3600', '@ 3600 IN NS ns.root.', f'ns.root. 3600 IN A {ROOT_AT}']
    for i in range(count):
        word = 'z%d' % i
        made = make_zone(folder, word + '.', rng, kinds, 0, zones)
        top += [f'{word} 3600 IN NS ns.{word}', f'ns.{word} 3600 IN A {ZONES_AT}']
        if rng.random() < 0.9:
            top += [f'{word} 3600 IN DS {ds}' for ds in made.ds]
    root = Made(folder, '.', top, rng)
    return root, zones


# ---- servers ------------------------------------------------------------------------------------------

class World:
    def __init__(self, folder):
        self.folder, self.children, self.logs = folder, [], []

    def path(self, word):
        return os.path.join(self.folder, word)

    def write(self, word, text):
        with open(self.path(word), 'w') as f:
            f.write(text)
        return self.path(word)

    def start(self, word, *argv):
        log = open(self.path(word + '.log'), 'w')
        self.logs.append(word)
        self.children.append((word, subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)))

    def authority(self, word, address, zones):
        conf = {'server': {'listen': [f'{address}@53'], 'workers': 1}, 'control': {'socket': self.path(word + '.sock')},
                'zones': [{'name': z.origin, 'file': z.path} for z in zones]}
        self.start(word, BANYAND, '--config', self.write(word + '.yaml', json.dumps(conf)))

    def resolvers(self, root):
        hints = self.write('hints', f'. 3600 IN NS ns.root.\nns.root. 3600 IN A {ROOT_AT}\n')
        anchor = self.write('anchor', ''.join(f'. 3600 IN DS {ds}\n' for ds in root.ds))
        conf = {'server': {'listen': [f'{BANYAN_AT}@53'], 'workers': 2}, 'control': {'socket': self.path('banyan.sock')},
                'resolver': {'enabled': True, 'root-hints': hints, 'trust-anchors': [{'file': anchor}], 'ipv6': False}}
        self.start('banyan', BANYAND, '--config', self.write('banyan.yaml', json.dumps(conf)))
        for word, address, more in (('unbound', UNBOUND_AT, f' root-hints: "{hints}"\n'), ('behind', BEHIND_AT, '')):
            conf = f'''server:
 interface: {address}
 do-daemonize: no
 username: ""
 chroot: ""
 directory: "{self.folder}"
 pidfile: ""
 use-syslog: no
 logfile: "{self.path(word + '.log2')}"
 module-config: "validator iterator"
 trust-anchor-file: "{anchor}"
 trust-anchor-signaling: no
 aggressive-nsec: no
 do-not-query-localhost: no
 do-ip6: no
 num-threads: 1
 val-log-level: 2
 ede: yes
 edns-buffer-size: 1232
 local-zone: "test." nodefault
 local-zone: "2.0.192.in-addr.arpa." nodefault
{more}remote-control:
 control-enable: no
'''
            if word == 'behind':
                conf += f'forward-zone:\n name: "."\n forward-addr: {BANYAN_AT}\n'
            self.start(word, 'unbound', '-d', '-c', self.write(word + '.conf', conf))
        if shutil.which('named'):
            tag, algorithm, kind, digest = root.ds[0].split(None, 3)
            conf = f'''options {{ directory "{self.folder}"; pid-file none; session-keyfile none; lock-file none;
 listen-on {{ {BIND_AT}; }}; listen-on-v6 {{ none; }}; recursion yes; allow-recursion {{ any; }}; dnssec-validation yes;
 empty-zones-enable no; managed-keys-directory "{self.folder}"; trust-anchor-telemetry no; max-records-per-type 0; }};
controls {{ }};
trust-anchors {{ "." static-ds {tag} {algorithm} {kind} "{digest.replace(' ', '')}"; }};
zone "." {{ type hint; file "{hints}"; }};
'''
            self.start('named', 'named', '-4', '-c', self.write('named.conf', conf), '-f', '-n', '1', '-L', self.path('named.log2'))

    def end(self):
        for _, p in self.children:
            p.terminate()
        out = []
        for word, p in self.children:
            try:
                rc = p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait(10)
                rc = 'killed'
            with open(self.path(word + '.log'), errors='replace') as f:
                text = f.read()
            if word not in ('unbound', 'behind', 'named') and (rc != 0 or 'Sanitizer' in text or 'runtime error' in text):
                out.append(f'{word}: {rc}: {text[-3000:]}')
        return out


# ---- questions -------------------------------------------------------------------------------------

class Answer:
    def __init__(self, r):
        self.rcode, self.ad, self.tc = dns.rcode.to_text(r.rcode()), bool(r.flags & dns.flags.AD), bool(r.flags & dns.flags.TC)
        self.records = frozenset((s.name.to_text().lower(), dns.rdatatype.to_text(s.rdtype), rd.to_digestable(dns.name.root).hex())
                                 for s in r.answer for rd in s if s.rdtype != dns.rdatatype.RRSIG)
        if self.rcode == 'SERVFAIL':    # the first aliases of a chain that broke may be there
            self.records = frozenset()
        self.said = [str(o) for o in r.options if o.otype == 15]
        self.whole = r

    def meaning(self, with_records=True):
        return self.rcode, self.ad, self.records if with_records else None

    def text(self):
        n = collections.Counter(f'{o} {t}' for o, t, _ in sorted(self.records))
        return f'{self.rcode}{" AD" if self.ad else ""} {dict(n)} {"; ".join(self.said)}'


def ask(where, name, kind, cd=False, seconds=12):
    m = dns.message.make_query(name, kind, use_edns=0, payload=1232, want_dnssec=True)
    m.flags |= dns.flags.CD if cd else 0
    try:
        r = dns.query.udp(m, where, timeout=seconds)
        if r.flags & dns.flags.TC:
            r = dns.query.tcp(m, where, timeout=seconds)
        return Answer(r)
    except (dns.exception.DNSException, OSError) as e:
        return f'{type(e).__name__}: {e}'


def label(rng):
    return rng.choice([b'nowhere', b'a', b'b', b'm', b'ns', b'zz', b'*', b'\0', b'\377', b'~', b'-', b'0', b'www', b'_tcp', b'x' * 63,
                       bytes(rng.randrange(256) for _ in range(rng.choice([1, 2, 5])))])


def questions(rng, zones):
    """Random questions, endless: mostly near names that are there."""
    pairs = [(z, n) for _, z in zones for n in z.data.nodes]
    if not pairs:
        return
    while True:
        z, n = rng.choice(pairs)
        types = [dns.rdatatype.to_text(r.rdtype) for r in z.data.nodes[n].rdatasets if r.rdtype not in (46, 50)]
        kind = rng.choice(types) if types and rng.random() < 0.4 else rng.choice(TYPES)
        labels = list(n.labels)
        origin = len(dns.name.from_text(z.origin).labels)
        what = rng.randrange(8)
        if what in (1, 2):
            labels.insert(0, label(rng))
        elif what == 3:
            labels = [label(rng) for _ in range(rng.randrange(1, 4))] + labels
        elif what == 4 and len(labels) > origin:
            labels = labels[1:]
        elif what == 5 and len(labels) > origin:
            labels[0] = label(rng)
        elif what == 6 and len(labels) > origin:
            old = bytearray(labels[0])
            i = rng.randrange(len(old))
            old[i] = (old[i] + rng.choice([1, 255])) % 256
            labels[0] = bytes(old)
        try:
            yield z, dns.name.Name(labels), kind
        except dns.exception.DNSException:
            continue


# ---- what may differ -------------------------------------------------------------------------------

EXCUSED = collections.Counter()


def excuse(name, kind, got):
    """Why a difference is right as it is, or None. BIND has to say the same as Banyan."""
    mine, other, behind, bind = (got.get(w) for w in ('banyan', 'unbound', 'behind', 'bind'))
    if not isinstance(mine, Answer) or not isinstance(other, Answer) or not isinstance(behind, Answer):
        return None
    types, agrees = {t for _, t, _ in mine.records}, isinstance(bind, Answer) and bind.meaning() == mine.meaning()
    if kind in ('CNAME', 'DNAME') and {'CNAME', 'DNAME'} <= types and mine.rcode != 'SERVFAIL':
        # BIND is of two minds: now and then it gives the DNAME alone
        part = isinstance(bind, Answer) and bind.records <= mine.records and bind.records
        if agrees or part:
            return ('asked for CNAME or DNAME below a DNAME, Unbound wants signatures or a DS of the CNAME that is made from '
                    'it, or takes the RCODE of what it leads to (RFC 6672 sections 3.2 and 5.3.1)')
    if not agrees:
        return None
    above = {o for o, t, _ in other.records if t == 'CNAME'}
    if mine.rcode == 'NXDOMAIN' == other.rcode and any(name.is_subdomain(dns.name.from_text(o)) and o != name.to_text().lower()
                                                       for o in above):
        return 'an alias is no alias for names below it (RFC 1034 section 4.3.2); Unbound, minimising questions, takes it for one'
    if name.is_wild() and mine.rcode == 'NOERROR' and 'SERVFAIL' in (other.rcode, behind.rcode):
        return 'a name that begins with "*" may come out of another wildcard (RFC 4592 section 2.1.1); Unbound fails'
    if kind == 'NSEC' and any(t == 'CNAME' for _, t, _ in other.records):
        return 'NSEC beside a CNAME is the answer to a question for NSEC (RFC 4035 section 2.5)'
    if len(mine.records) > 200 and 'SERVFAIL' in (other.rcode, behind.rcode):
        return 'Unbound fails with very large sets'
    return None


def judge(z, name, kind):
    got = {w: ask(a, name, kind) for w, a in (('banyan', BANYAN_AT), ('unbound', UNBOUND_AT), ('behind', BEHIND_AT))}
    mine, other, behind = got['banyan'], got['unbound'], got['behind']
    if all(isinstance(a, Answer) for a in got.values()):
        if mine.meaning() == other.meaning() and behind.meaning() == mine.meaning():
            return mine.ad
    if shutil.which('named'):
        got['bind'] = ask(BIND_AT, name, kind)
    why = excuse(name, kind, got)
    if why:
        EXCUSED[why] += 1
        return None
    lines = [f'{name} {kind} (zone {z.origin} {z.how})']
    lines += [f'    {w:8} {a.text() if isinstance(a, Answer) else a}' for w, a in got.items()]
    return '\n'.join(lines)


def one_world(args, n, seconds, counts):
    folder = tempfile.mkdtemp(prefix='banyan-diff-validate-')
    rng = random.Random(f'{args.seed} {n}')
    kinds = [e2e_sign.Zone, e2e_sign.Wild] if args.wild else [e2e_sign.Zone]
    world, bad = World(folder), []
    try:
        root, zones = make_world(folder, rng, min(args.zones - counts['zones'], 12), kinds)
        world.authority('root', ROOT_AT, [root])
        world.authority('zones', ZONES_AT, [z for d, z in zones if d == 0])
        world.authority('children', CHILDREN_AT, [z for d, z in zones if d == 1])
        world.resolvers(root)
        for where in (ROOT_AT, BANYAN_AT, UNBOUND_AT, BEHIND_AT) + ((BIND_AT,) if shutil.which('named') else ()):
            for _ in range(40):
                got = ask(where, '.', 'SOA', seconds=2)
                if isinstance(got, Answer) and got.rcode == 'NOERROR':
                    break
                time.sleep(0.25)
            else:
                return [f'{where} does not answer: {got.text() if isinstance(got, Answer) else got}']
        end, source = time.time() + seconds, questions(rng, zones)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            while time.time() < end:
                some = [next(source) for _ in range(120)]
                for (z, name, kind), said in zip(some, pool.map(lambda q: judge(*q), some)):
                    counts['questions'] += 1
                    if said is True:
                        counts['secure'] += 1
                    elif said:
                        bad.append(f'seed {args.seed} world {n}: {said}')
                if len(bad) > 200:
                    break
        counts['zones'] += sum(1 for d, _ in zones if d == 0)
        counts['children'] += sum(1 for d, _ in zones if d == 1)
    finally:
        bad += world.end()
        if bad and args.keep:
            shutil.copytree(folder, os.path.join(args.keep, f'world-{args.seed}-{n}'), dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns('*.sock'))
        shutil.rmtree(folder, ignore_errors=True)
    return bad


def inside(args):
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    for a in (ROOT_AT, ZONES_AT, CHILDREN_AT, BANYAN_AT, UNBOUND_AT, BEHIND_AT, BIND_AT):
        subprocess.run(['ip', 'addr', 'add', a + '/32', 'dev', 'lo'], capture_output=True)
    counts, bad, n = collections.Counter(), [], 0
    start = time.time()
    while counts['zones'] < args.zones and time.time() - start < args.seconds and len(bad) < 200:
        rest = args.seconds - (time.time() - start)
        worlds_left = max(1, (args.zones - counts['zones'] + 11) // 12)
        bad += one_world(args, n, max(3.0, min(rest, args.seconds / worlds_left)), counts)
        n += 1
    ok(not bad, '%d questions about %d zones and %d children of theirs, in %d worlds: Banyan, Unbound, and Unbound behind Banyan '
       'agree; %d answers are secure' % (counts['questions'], counts['zones'], counts['children'], n, counts['secure']), f'{len(bad)} differences\n' + '\n'.join(bad))
    ok(counts['secure'] > counts['questions'] / 10, 'a good part of the answers is secure')
    for why, times in sorted(EXCUSED.items()):
        print(f'# {times} times: {why}')
    print(f'1..{points}')
    return failed > 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--zones', type=int, default=12)
    p.add_argument('--seconds', type=float, default=15)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--wild', action='store_true', help='also zones whose names are at the limits')
    p.add_argument('--keep', help='folder for worlds in which there were differences')
    p.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.inside:
        return inside(args)
    for tool in ('unbound', 'ip', 'unshare'):
        if not shutil.which(tool):
            skip(f'no {tool}')
    if subprocess.run(['unshare', '-Urn', 'true'], capture_output=True).returncode != 0:
        skip('no user namespaces here')
    return subprocess.run(['unshare', '-Urn', sys.executable, os.path.abspath(__file__), '--inside', *sys.argv[1:]]).returncode


if __name__ == '__main__':
    sys.exit(main())
