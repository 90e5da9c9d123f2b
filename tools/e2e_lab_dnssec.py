#!/usr/bin/python3
"""The signed lab as validators see it: Banyan's resolver and Unbound, and with --full also BIND, PowerDNS Recursor and
Knot Resolver, inside the lab's network namespace, configured with the lab's root hints and trust anchor. What is whole is
secure or insecure as `banyan lab list` says; for every recipe of lab/faults that names a verdict they come to the same
one, and Banyan gives the extended error that the recipe says, with words. Prints TAP.

    BANYAN_BUILD=build tools/e2e_lab_dnssec.py [--full] [--only banyan|unbound|bind|pdns|knot] [WORD...]

Without --full: one recipe of each kind; WORD: only those recipes. The lab is a copy whose servers are all near, so
that a cold resolution takes no time.
"""
import argparse
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
PORT = '5399'
points = 0
failed = 0

MANY_DS = 'more DS are tried than the 8 that PowerDNS and we take'
MANY_KEYS = 'more keys are kept than our 64'
MANY_HASHES = 'more is hashed for one question than our 600'
PER_SET = 'its limit is for each set, not for the question'
NO_HASHING = 'above its limit of iterations it hashes nothing: any such record makes the answer insecure'
# Recipes about which a validator comes to another verdict, and why both may be right. (Attacks on a validator's CPU: as
# seen with the versions of Debian 12; docs/validation-costs.md.)
EXCEPTIONS = {
    'banyan': {},
    'unbound': {
        'nsec3-encloser-2500': ('insecure', NO_HASHING),
        'ds-many-wrong': ('secure', MANY_DS), 'dnskey-huge': ('secure', MANY_KEYS),
        'nsec3-encloser': ('none', 'it hashes in portions with pauses between; no answer in 100 s'),
        'nsec3-encloser-deep': ('secure', MANY_HASHES),
        'sigs-expired-before': ('bogus', 'it looks at 8 signatures, expired ones too'),
        'keytrap-below': ('bogus', 'it takes no second key of a tag'),
        'sigs-wrong-chain': ('secure', PER_SET), 'p384-wrong': ('secure', PER_SET), 'ed448-wrong': ('secure', PER_SET)},
    'bind': {
        'nsec3-encloser-2500': ('insecure', NO_HASHING),
        'soa-sig-missing': ('insecure', 'the denial itself is proven; an unsigned SOA only costs the AD bit'),
        'ds-many-wrong': ('secure', MANY_DS), 'dnskey-huge': ('secure', MANY_KEYS),
        'nsec3-encloser-deep': ('secure', MANY_HASHES),
        'keytrap-dnskey': ('secure', 'it goes on to the right key'),
        'keytrap-hashtrap': ('secure', 'it goes on to the right key and DS'),
        'keytrap-below': ('bogus', 'one failure is allowed'), 'rsa-16384': ('bogus', 'one failure is allowed'),
        'sigs-expired-before': ('bogus', 'one failure is allowed, and an expired signature is one'),
        'sigs-wrong-before': ('bogus', 'one failure is allowed')},
    'pdns': {
        'nsec3-encloser-2500': ('insecure', NO_HASHING),
        'dnskey-expired': ('secure', 'the DS names every key of the set: its signature is not looked at'),
        'stale-secondary': ('secure bogus', 'what one server says is final: it depends on which one is asked'),
        'dnskey-huge': ('secure', MANY_KEYS), 'nsec3-encloser-deep': ('secure', MANY_HASHES),
        'keytrap-below': ('bogus', 'it tries 2 keys of a tag and 2 signatures of a set'),
        'rsa-16384': ('bogus', 'it tries 2 signatures of a set'),
        'sigs-wrong-before': ('bogus', 'it tries 2 signatures of a set')},
    'knot': {
        'nsec3-encloser-2500': ('insecure', NO_HASHING),
        'ds-many-wrong': ('secure', MANY_DS), 'dnskey-huge': ('secure', MANY_KEYS),
        'keytrap': ('secure', 'it goes on to the right key and signature'),
        'keytrap-hashtrap': ('secure', 'it goes on to the right key and DS'),
        'rsa-exponent': ('secure', 'it goes on to the right key and signature'),
        'nsec3-encloser': ('insecure', 'it seems to weigh the iterations by the length of the salt'),
        'nsec3-encloser-deep': ('insecure', 'it seems to weigh the iterations by the length of the salt'),
        'nsec3-deep': ('bogus', 'it seems to look at few labels of a name')},
}

# The servers of parent and child are the same: no referral tells of the cut, and the answer looks like the parent's.
NO_REFERRAL = {('ds-for-unsigned', 'www.dev.example.com'), ('insecure-no-proof', 'www.dev.example.com')}

# Recipes of attacks, whose outcome depends on the zone's algorithm: they are tried in one zone only.
ATTACKS = ('keytrap', 'sigs-', 'nsec3-encloser', 'nsec3-deep', 'ds-many', 'ds-only', 'dnskey-huge', 'dnskey-large',
           'rsa-', 'p384-', 'ed448-', 'tag-collision')

# Knot Resolver answers for reverse zones of documentation addresses by itself.
KNOT_OWN = {'96/27.2.0.192.in-addr.arpa.', '2.0.192.in-addr.arpa.', '8.b.d.0.1.0.0.2.ip6.arpa.'}

# For the short form: at least one of each cause.
SHORT = ('sig-expired', 'dnskey-expired', 'sig-not-yet-valid', 'ds-wrong-digest', 'ds-removed', 'ds-for-unsigned',
         'ds-unknown-digest', 'algorithm-roll-half', 'sig-missing', 'sig-corrupt', 'sig-labels-small', 'nsec-missing',
         'nsec-wrong-nodata', 'nsec3-no-encloser', 'nsec3-iterations', 'key-unknown-algorithm', 'stale-secondary',
         'wildcard-no-proof', 'insecure-no-proof', 'opt-out-secure-child', 'keytrap', 'keytrap-sigjam',
         'ds-only-unknown', 'dnskey-large', 'unsigned-iterations')

# name, type, rcode, secure
WHOLE = (('www.example.org', 'A', 'NOERROR', True), ('www.example.com', 'AAAA', 'NOERROR', True),
         ('ftp.example.com', 'A', 'NOERROR', True), ('www.example.co.uk', 'A', 'NOERROR', True),
         ('www.dev.example.com', 'A', 'NOERROR', True), ('one.chain.org', 'A', 'NOERROR', True),
         ('x.wildcard.org', 'A', 'NOERROR', True), ('x.wildcard.org', 'AAAA', 'NOERROR', True),
         ('x.ent.wildcard.org', 'A', 'NXDOMAIN', True), ('ent.wildcard.org', 'A', 'NOERROR', True),
         ('www.old.moved.org', 'A', 'NOERROR', True), ('many.big.net', 'A', 'NOERROR', True),
         ('host.a.deep.org', 'A', None, True), ('host.c.b.a.deep.org', 'A', 'NOERROR', False),
         ('www.example.net', 'A', 'NOERROR', False), ('docs.example.io', 'A', 'NOERROR', False),
         ('mail.example.co.jp', 'A', 'NOERROR', False), ('www.charity.org.uk', 'A', 'NOERROR', False),
         ('nowhere.example.org', 'A', 'NXDOMAIN', True), ('www.example.org', 'MX', 'NOERROR', True),
         ('nowhere.org', 'A', 'NXDOMAIN', True), ('nowhere.chain.org', 'A', 'NXDOMAIN', True),
         ('nowhere', 'A', 'NXDOMAIN', True), ('example.net', 'DS', 'NOERROR', False),
         ('example.org', 'DS', 'NOERROR', True), ('www.xn--bcher-kva.de', 'A', 'NOERROR', True),
         ('empty.de', 'DS', 'NOERROR', True))

UNBOUND = '''server:
    interface: 127.0.0.1@{port}
    chroot: ""
    username: ""
    directory: "{dir}"
    pidfile: "{dir}/unbound.pid"
    logfile: "{dir}/unbound.log"
    use-syslog: no
    do-daemonize: no
    do-not-query-localhost: no
    root-hints: "{run}/root.hints"
    trust-anchor-file: "{run}/{anchor}"
    val-log-level: 2
    ede: yes
    num-threads: 1
    module-config: "validator iterator"
    trust-anchor-signaling: no
    local-zone: "2.0.192.in-addr.arpa." nodefault
    local-zone: "8.b.d.0.1.0.0.2.ip6.arpa." nodefault
remote-control:
    control-enable: yes
    control-interface: "{dir}/control"
    control-use-cert: no
'''

BIND = '''options {{
    directory "{dir}";
    pid-file "{dir}/named.pid";
    session-keyfile "{dir}/session.key";
    managed-keys-directory "{dir}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    dnssec-validation yes;
    empty-zones-enable no;
    trust-anchor-telemetry no;
    max-records-per-type 0;
}};
key k {{ algorithm hmac-sha256; secret "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; }};
controls {{ inet 127.0.0.1 port 9953 allow {{ 127.0.0.1; }} keys {{ k; }}; }};
zone "." {{ type hint; file "{run}/root.hints"; }};
{trust}
'''

RNDC = '''key k { algorithm hmac-sha256; secret "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; };
options { default-key k; default-server 127.0.0.1; default-port 9953; };
'''

PDNS = '''local-address=127.0.0.1
local-port={port}
socket-dir={dir}
hint-file={run}/root.hints
dnssec=validate
extended-resolution-errors=yes
dont-query=
daemon=no
write-pid=no
threads=1
lua-config-file={dir}/pdns.lua
serve-rfc1918=no
packetcache-ttl=0
'''

OURS = '''server:
  listen: ["127.0.0.1@{port}"]
  workers: 2
control:
  socket: "{dir}/ctl"
resolver:
  enabled: yes
  root-hints: "{run}/root.hints"
  special-zones: no
  trust-anchors: [{{file: "{run}/anchor.ds"}}]
'''

KNOT = '''net.listen('127.0.0.1', {port})
net.listen('{dir}/knot.control', nil, {{ kind = 'control' }})
cache.open(20 * MB, 'lmdb://{dir}/knot-cache')
modules.load('hints')
hints.root_file('{run}/root.hints')
trust_anchors.remove('.')
trust_anchors.add_file('{run}/anchor.key', true)
modules.unload('ta_signal_query')
modules.unload('priming')
'''


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
        for line in str(detail).splitlines()[-25:]:
            print('# ' + line)


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


class Lab:
    def __init__(self, tmp):
        self.tmp = tmp
        self.data = os.path.join(tmp, 'lab')
        self.run = os.path.join(tmp, 'run')
        shutil.copytree(os.path.join(ROOT, 'lab'), self.data)
        path = os.path.join(self.data, 'topology.yaml')
        with open(path) as f:
            text = f.read()
        with open(path, 'w') as f:
            f.write(re.sub(r'delay: \d+ ms', 'delay: 1 ms', text))
        self.env = dict(os.environ, BANYAN_LAB_RUN=self.run, BANYAN_LAB=self.data)

    def banyan(self, *args):
        return subprocess.run([BANYAN, 'lab', *args], capture_output=True, text=True, timeout=60, env=self.env)

    def shell(self, *args):
        return subprocess.run([BANYAN, 'lab', 'shell', *args], capture_output=True, text=True, timeout=60, env=self.env)


class Validator:
    """One that runs inside the lab."""
    name = ''
    programs = ()
    cd_answers = True  # with CD it gives what it holds for bogus
    own_zones = ()

    def __init__(self, lab):
        self.lab = lab
        self.dir = os.path.join(lab.tmp, self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.log = os.path.join(self.dir, 'out')
        with open(self.log, 'a') as out:
            self.proc = subprocess.Popen([BANYAN, 'lab', 'shell', *self.command()], env=lab.env, stdout=out, stderr=out)
        for _ in range(100):
            if self.proc.poll() is None and rcode(self.ask('.', 'SOA')) == 'NOERROR':
                return
            time.sleep(0.1)
        self.stop()
        with open(self.log) as f:
            sys.exit(f'Bail out! {self.name} does not start: {f.read()[-2000:]}')

    @classmethod
    def missing(cls):
        return [p for p in cls.programs if not shutil.which(p)]

    def write(self, name, text, **more):
        path = os.path.join(self.dir, name)
        with open(path, 'w') as f:
            f.write(text.format(dir=self.dir, run=self.lab.run, port=PORT, **more) if more or '{dir}' in text else text)
        return path

    def ask(self, name, qtype, *more):
        return self.lab.shell('dig', '@127.0.0.1', '-p', PORT, '+dnssec', '+time=15', '+tries=1', name, qtype,
                              *more).stdout

    def why(self):
        return []

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait(10)


class Banyan(Validator):
    name = 'banyan'

    def command(self):
        return find('banyand'), '--config', self.write('banyan.yaml', OURS, ours=True)

    def forget(self):
        subprocess.run([BANYAN, 'ctl', '--socket', os.path.join(self.dir, 'ctl'), 'flush', '--all'], capture_output=True, timeout=30)

    def why(self):
        with open(self.log) as f:
            return f.read().splitlines()[-5:]

    def stop(self):
        super().stop()
        with open(self.log) as f:
            text = f.read()
        ok('Sanitizer' not in text and 'runtime error' not in text, 'banyand ends without complaint', text)


class Unbound(Validator):
    name = 'unbound'
    programs = ('unbound', 'unbound-control')
    anchor = 'anchor.key'

    def command(self):
        self.conf = self.write('unbound.conf', UNBOUND, anchor=self.anchor)
        return 'unbound', '-d', '-c', self.conf

    def forget(self):
        for words in (('flush_zone', '.'), ('flush_infra', 'all')):
            subprocess.run(['unbound-control', '-c', self.conf, *words], capture_output=True, timeout=30)

    def why(self):
        with open(os.path.join(self.dir, 'unbound.log')) as f:
            return [x.strip() for x in f if 'validation failure' in x][-1:]


class UnboundDs(Unbound):
    anchor = 'anchor.ds'


class Bind(Validator):
    name = 'bind'
    programs = ('named', 'rndc')

    def command(self):
        self.rndc = self.write('rndc.conf', RNDC)
        return 'named', '-g', '-c', self.write('named.conf', BIND, trust=self.lab.banyan('anchor', '--bind').stdout)

    def forget(self):
        self.lab.shell('rndc', '-c', self.rndc, 'flush')

    def why(self):
        with open(self.log) as f:
            return [x.strip() for x in f if 'validating' in x or 'broken trust' in x][-3:]


class Pdns(Validator):
    name = 'pdns'
    programs = ('pdns_recursor', 'rec_control')
    cd_answers = False  # in search of a missed zone cut it runs into its own limits, and fails for those too

    def command(self):
        ds = self.lab.banyan('anchor', '--ds').stdout.split(' DS ')[1].strip()
        self.write('pdns.lua', f'clearTA()\naddTA(".", "{ds}")\n')
        self.write('recursor.conf', PDNS)
        return 'pdns_recursor', '--config-dir=' + self.dir

    def forget(self):
        subprocess.run(['rec_control', '--socket-dir=' + self.dir, 'wipe-cache', '.$'], capture_output=True, timeout=30)


class Knot(Validator):
    name = 'knot'
    programs = ('kresd',)
    own_zones = KNOT_OWN

    def command(self):
        return 'kresd', '-n', '-c', self.write('kresd.conf', KNOT), self.dir

    def forget(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(os.path.join(self.dir, 'knot.control'))
            s.sendall(b'cache.clear()\n')
            s.recv(1000)


def rcode(out):
    m = re.search(r'status: (\w+)', out)
    return m.group(1) if m else 'none'


def is_ad(out):
    m = re.search(r'flags: ([\w ]+);', out)
    return bool(m) and 'ad' in m.group(1).split()


def verdict(v, name, qtype):
    out = v.ask(name, qtype)
    if rcode(out) in ('NOERROR', 'NXDOMAIN'):
        return ('secure' if is_ad(out) else 'insecure'), out
    if rcode(out) == 'SERVFAIL' and (not v.cd_answers or rcode(v.ask(name, qtype, '+cd')) in ('NOERROR', 'NXDOMAIN')):
        return 'bogus', out
    return rcode(out), out


def whole(v):
    for name, qtype, want, secure in WHOLE:
        out = v.ask(name, qtype)
        good = is_ad(out) == secure and (rcode(out) == want or want is None and rcode(out) in ('NOERROR', 'NXDOMAIN'))
        ok(good, f'{v.name}: {name} {qtype}: {want}, {"secure" if secure else "insecure"}', out + '\n'.join(v.why()))


def zones(lab, v):
    """The apex of every zone that can be reached."""
    listed = json.loads(lab.banyan('list', '--json').stdout)
    broken = {z for s in listed['servers'] for z in s['zones'] if z in BROKEN}
    for z in listed['zones']:
        if z['name'] in broken or z['name'] in v.own_zones:
            continue
        out = v.ask(z['name'], 'SOA')
        want = z['state'] == 'secure'
        ok(rcode(out) == 'NOERROR' and is_ad(out) == want,
           f'{v.name}: {z["name"]} SOA is {"secure" if want else "insecure"}', out + '\n'.join(v.why()))


# Zones that cannot be resolved: see topology.yaml.
BROKEN = {'alllame.org.', 'gone.net.', 'cyclic.org.', 'cyclic.net.', 'servfail.net.', 'refused.net.', 'dead.org.',
          'lame.org.', 'lossy.net.', 'old-edns.net.', 'spoofed.net.'}


def recipes(data):
    for path in sorted(glob.glob(os.path.join(data, 'faults', '*.fault'))):
        r = {'word': os.path.basename(path)[:-6], 'ede': None}
        with open(path) as f:
            for line in f:
                words = line.split()
                if words and words[0] in ('verdict', 'ede'):
                    r[words[0]] = words[1]
                elif words and words[0] == 'try':
                    r['target'], r['name'], r['type'] = words[1:4]
        if 'verdict' in r:
            yield r


def one_recipe(lab, v, r, codes):
    said = lab.banyan('break', r['word'], r['target'])
    v.forget()
    got, out = verdict(v, r['name'], r['type'])
    want, why = EXCEPTIONS[v.name].get(r['word'], (r['verdict'], ''))
    ok(said.returncode == 0 and got in want.split(), f'{v.name}: {r["word"]} {r["target"]}: {got}{" (" + why + ")" if why else ""}',
       f'expected {want}\n' + said.stderr + out + '\n'.join(v.why()))
    if v.name == 'banyan':
        told = re.findall(r'EDE: (\d+)[^:\n]*:\s*\((.*)\)', out)
        codes_ok = {r['ede']} | ({'10'} if (r['word'], r['name']) in NO_REFERRAL else set())
        if r['word'] == 'sig-wrong-signer':
            codes_ok.add('9')  # on the parent's servers the parent may have signed, but has no such key
        wanted = r['ede'] is None and not told or any(code in codes_ok and len(text) > 15 for code, text in told)
        ok(wanted, f'banyan: {r["word"]} {r["target"]}: extended error {r["ede"]}: {told[0][1] if told else ""}', out)
    codes.append((r['word'], r['ede'], sorted(set(re.findall(r'EDE: (\d+)', out)))))
    lab.banyan('fix')


def all_recipes(lab, v, chosen):
    codes = []
    for r in chosen:
        one_recipe(lab, v, r, codes)
    v.forget()
    out = v.ask('www.example.org', 'A')
    ok(is_ad(out), f'{v.name}: all mended, www.example.org is secure again', out)
    for word, want, got in codes:
        if got and want not in got:
            print(f'# {word}: extended error {want} in the recipe, {", ".join(got)} from {v.name}')


def elsewhere(recipes_known):
    """The same faults in zones that are signed in other ways, below parents that are."""
    for zone in ('dev.example.com', 'example.com', 'example.co.uk'):
        for r in recipes_known:
            if r['target'].endswith('example.org') and not r['word'].startswith(ATTACKS):
                yield dict(r, target=r['target'].replace('example.org', zone), name=r['name'].replace('example.org', zone))


def one_validator(lab, kind, chosen, words, full):
    v = kind(lab)
    try:
        if not words:
            whole(v)
        if full and not words:
            zones(lab, v)
        if kind is Unbound: # the other form of the anchor
            v.stop()
            v = UnboundDs(lab)
        all_recipes(lab, v, chosen)
    finally:
        v.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--only')
    parser.add_argument('words', nargs='*')
    arg = parser.parse_args()
    if Unbound.missing() or not shutil.which('dig'):
        skip('no unbound, unbound-control or dig here (Debian: unbound, bind9-dnsutils)')
    kinds = [k for k in (Banyan, Unbound, Bind, Pdns, Knot)
             if (arg.full or k in (Banyan, Unbound) or arg.only) and arg.only in (None, k.name)]
    tmp = tempfile.mkdtemp(prefix='banyan-e2e-lab-dnssec-')
    lab = Lab(tmp)
    try:
        r = lab.banyan('up', '--namespace')
        if r.returncode != 0 and subprocess.run(['unshare', '-Urn', 'true'], capture_output=True).returncode != 0:
            skip('no user namespaces here')
        ok(r.returncode == 0, 'lab up --namespace', r.stdout + r.stderr)
        known = list(recipes(lab.data))
        ok(len(known) >= 25, f'{len(known)} recipes of DNSSEC')
        chosen = [r for r in known if r['word'] in arg.words or not arg.words and (arg.full or r['word'] in SHORT)]
        for kind in kinds:
            if kind.missing():
                ok(True, f'{kind.name} # SKIP not installed')
            else:
                more = list(elsewhere(chosen)) if arg.full and kind in (Banyan, Unbound) else []
                one_validator(lab, kind, chosen + more, arg.words, arg.full)
    finally:
        lab.banyan('down')
        shutil.rmtree(tmp, ignore_errors=True)
    print(f'1..{points}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
