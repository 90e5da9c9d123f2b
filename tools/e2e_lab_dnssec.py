#!/usr/bin/python3
"""The signed lab as another validator sees it: Unbound inside the lab's network namespace, configured with the lab's
root hints and trust anchor. What is whole is secure or insecure as `banyan lab list` says; for every recipe of
lab/faults that names a verdict, Unbound comes to the same one. Prints TAP.

    BANYAN_BUILD=build tools/e2e_lab_dnssec.py [--full] [WORD...]

Without --full: one recipe of each kind; WORD: only those recipes. The lab is a copy whose servers are all near, so
that a cold resolution takes no time.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
PORT = '5399'
points = 0
failed = 0

# Recipes about which Unbound (1.17 to 1.22) comes to another verdict, and why both may be right.
EXCEPTIONS = {
}

# For the short form: at least one of each cause.
SHORT = ('sig-expired', 'dnskey-expired', 'sig-not-yet-valid', 'ds-wrong-digest', 'ds-removed', 'ds-for-unsigned',
         'ds-unknown-digest', 'algorithm-roll-half', 'sig-missing', 'sig-corrupt', 'sig-labels-small', 'nsec-missing',
         'nsec-wrong-nodata', 'nsec3-no-encloser', 'nsec3-iterations', 'key-unknown-algorithm', 'stale-secondary',
         'wildcard-no-proof', 'insecure-no-proof', 'opt-out-secure-child')

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

CONFIG = '''server:
    interface: 127.0.0.1@{port}
    interface-automatic: no
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


class Unbound:
    def __init__(self, lab, anchor):
        self.lab = lab
        self.conf = os.path.join(lab.tmp, 'unbound.conf')
        with open(self.conf, 'w') as f:
            f.write(CONFIG.format(dir=lab.tmp, run=lab.run, port=PORT, anchor=anchor))
        self.proc = subprocess.Popen([BANYAN, 'lab', 'shell', 'unbound', '-d', '-c', self.conf], env=lab.env,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            if self.proc.poll() is None and self.control('status').returncode == 0:
                return
            time.sleep(0.1)
        sys.exit('Bail out! Unbound does not start')

    def control(self, *words):
        return subprocess.run(['unbound-control', '-c', self.conf, *words], capture_output=True, text=True, timeout=30)

    def forget(self):
        self.control('flush_zone', '.')
        self.control('flush_infra', 'all')

    def ask(self, name, qtype, *more):
        return self.lab.shell('dig', '@127.0.0.1', '-p', PORT, '+dnssec', '+time=15', '+tries=1', name, qtype,
                              *more).stdout

    def why(self):
        with open(os.path.join(self.lab.tmp, 'unbound.log')) as f:
            return [x.strip() for x in f if 'validation failure' in x][-1:]

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)


def rcode(out):
    m = re.search(r'status: (\w+)', out)
    return m.group(1) if m else 'none'


def is_ad(out):
    m = re.search(r'flags: ([\w ]+);', out)
    return bool(m) and 'ad' in m.group(1).split()


def verdict(unbound, name, qtype):
    out = unbound.ask(name, qtype)
    if rcode(out) in ('NOERROR', 'NXDOMAIN'):
        return ('secure' if is_ad(out) else 'insecure'), out
    if rcode(out) == 'SERVFAIL' and rcode(unbound.ask(name, qtype, '+cd')) in ('NOERROR', 'NXDOMAIN'):
        return 'bogus', out
    return rcode(out), out


def whole(lab, unbound):
    for name, qtype, want, secure in WHOLE:
        out = unbound.ask(name, qtype)
        good = is_ad(out) == secure and (rcode(out) == want or want is None and rcode(out) in ('NOERROR', 'NXDOMAIN'))
        ok(good, f'{name} {qtype}: {want}, {"secure" if secure else "insecure"}', out + '\n'.join(unbound.why()))


def zones(lab, unbound):
    """The apex of every zone that can be reached."""
    listed = json.loads(lab.banyan('list', '--json').stdout)
    broken = {z for s in listed['servers'] for z in s['zones'] if z in BROKEN}
    for z in listed['zones']:
        if z['name'] in broken:
            continue
        out = unbound.ask(z['name'], 'SOA')
        want = z['state'] == 'secure'
        ok(rcode(out) == 'NOERROR' and is_ad(out) == want, f'{z["name"]} SOA is {"secure" if want else "insecure"}',
           out + '\n'.join(unbound.why()))


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


def one_recipe(lab, unbound, r, codes):
    said = lab.banyan('break', r['word'], r['target'])
    unbound.forget()
    got, out = verdict(unbound, r['name'], r['type'])
    want, why = EXCEPTIONS.get(r['word'], (r['verdict'], ''))
    ok(said.returncode == 0 and got == want, f'{r["word"]}: {got}{" (" + why + ")" if why else ""}',
       f'expected {want}\n' + said.stderr + out + '\n'.join(unbound.why()))
    ede = sorted(set(re.findall(r'EDE: (\d+)', out)))
    codes.append((r['word'], r['ede'], ede))
    lab.banyan('fix')


def main():
    if not shutil.which('unbound') or not shutil.which('unbound-control') or not shutil.which('dig'):
        skip('no unbound, unbound-control or dig here (Debian: unbound, bind9-dnsutils)')
    full = '--full' in sys.argv
    words = [w for w in sys.argv[1:] if not w.startswith('-')]
    tmp = tempfile.mkdtemp(prefix='banyan-e2e-lab-dnssec-')
    lab = Lab(tmp)
    unbound = None
    try:
        r = lab.banyan('up', '--namespace')
        if r.returncode != 0 and subprocess.run(['unshare', '-Urn', 'true'], capture_output=True).returncode != 0:
            skip('no user namespaces here')
        ok(r.returncode == 0, 'lab up --namespace', r.stdout + r.stderr)
        unbound = Unbound(lab, 'anchor.key')
        if not words:
            whole(lab, unbound)
        if full:
            zones(lab, unbound)
        unbound.stop()
        unbound = Unbound(lab, 'anchor.ds')
        codes = []
        all_recipes = list(recipes(lab.data))
        ok(sum(1 for r in all_recipes) >= 25, f'{len(all_recipes)} recipes of DNSSEC')
        for r in all_recipes:
            if r['word'] in words or not words and (full or r['word'] in SHORT):
                one_recipe(lab, unbound, r, codes)
        unbound.forget()
        out = unbound.ask('www.example.org', 'A')
        ok(is_ad(out), 'all mended: www.example.org is secure again', out)
        for word, want, got in codes:
            if got and want not in got:
                print(f'# {word}: extended error {want} in the recipe, {", ".join(got)} from Unbound')
    finally:
        if unbound:
            unbound.stop()
        lab.banyan('down')
        shutil.rmtree(tmp, ignore_errors=True)
    print(f'1..{points}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
