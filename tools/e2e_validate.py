#!/usr/bin/python3
"""banyand as a validating resolver, as a person runs it, in the signed lab: anchors from every form of file, wrong ones,
none; negative trust anchors; the CD, AD and DO bits; reloads that change anchors; delv, and an Unbound that forwards to
banyand and validates by itself; words that name the party that must act; clocks that are wrong, and come right. Prints TAP.

    BANYAN_BUILD=build tools/e2e_validate.py [WORD]       (only the parts whose name has WORD in it)
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

os.environ['PATH'] += ':/usr/sbin:/sbin'
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'
points = failed = 0


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-25:]:
            print('# ' + line)
    return good


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


def find(word):
    for d in ('', 'src/app'):
        p = os.path.join(BUILD, d, word)
        if os.access(p, os.X_OK):
            return os.path.abspath(p)
    sys.exit(f'Bail out! no {word} in {BUILD}')


try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype
except ImportError:
    skip('no python3-dnspython')
BANYAND, BANYAN = find('banyand'), find('banyan')


def until(test, seconds=10.0):
    end = time.time() + seconds
    while time.time() < end:
        if test():
            return True
        time.sleep(0.1)
    return bool(test())


def free_port():
    for port in range(20000 + os.getpid() % 5000, 30000):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(('127.0.0.1', port))
            return port
        except OSError:
            continue
    sys.exit('Bail out! no free port')


class Lab:
    """The lab on loopback, all of its servers near."""

    def __init__(self, tmp):
        self.tmp, self.data, self.run = tmp, os.path.join(tmp, 'lab'), os.path.join(tmp, 'run')
        shutil.copytree(os.path.join(ROOT, 'lab'), self.data)
        path = os.path.join(self.data, 'topology.yaml')
        with open(path) as f:
            text = f.read()
        with open(path, 'w') as f:
            f.write(re.sub(r'delay: \d+ ms', 'delay: 1 ms', text))
        self.env = dict(os.environ, BANYAN_LAB_RUN=self.run, BANYAN_LAB=self.data)
        r = self.banyan('up')
        if not ok(r.returncode == 0, 'the lab starts', r.stdout + r.stderr):
            sys.exit('Bail out! no lab')
        with open(os.path.join(self.run, 'resolver.yaml') if os.path.exists(os.path.join(self.run, 'resolver.yaml'))
                  else self.config_of()) as f:
            text = f.read()
        self.port = int(re.search(r'upstream-port: (\d+)', text).group(1))
        self.hints = os.path.join(self.run, 'root.hints')

    def config_of(self):
        for f in os.listdir(self.run):
            path = os.path.join(self.run, f)
            if os.path.isfile(path) and f.endswith('.yaml'):
                return path
        sys.exit('Bail out! no configuration of the lab\'s resolver')

    def banyan(self, *args):
        return subprocess.run([BANYAN, 'lab', *args], capture_output=True, text=True, timeout=60, env=self.env)

    def anchor(self, *how):
        return self.banyan('anchor', *how).stdout


class Server:
    """banyand, a resolver of the lab's."""
    count = 0

    def __init__(self, lab, anchors, env=None, start=True, **options):
        Server.count += 1
        self.lab, self.port, self.env = lab, free_port(), env
        self.name = f's{Server.count}'
        self.dir = os.path.join(lab.tmp, self.name)
        os.mkdir(self.dir)
        self.conf, self.sock, self.log = (os.path.join(self.dir, f) for f in ('banyan.yaml', 'ctl', 'log'))
        self.configure(anchors, **options)
        self.proc = None
        if start:
            self.start()

    def configure(self, anchors, **options):
        r = {'enabled': True, 'root-hints': self.lab.hints, 'upstream-port': self.lab.port, 'query-loopback': True, 'special-zones': False, 'ipv6': False}
        if anchors is not None:
            r['trust-anchors'] = [{'file': a} for a in anchors]
        r.update({k.replace('_', '-'): v for k, v in options.items()})
        conf = {'server': {'listen': [f'127.0.0.1@{self.port}'], 'workers': 2}, 'control': {'socket': self.sock}, 'resolver': r}
        with open(self.conf, 'w') as f:
            json.dump(conf, f)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w') as f:
            f.write(text)
        return path

    def start(self):
        with open(self.log, 'a') as log:
            self.proc = subprocess.Popen([BANYAND, '--config', self.conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         env=self.env)
        return until(lambda: self.proc.poll() is not None or os.path.exists(self.sock) and self.ctl('version').returncode == 0,
                     20) and self.proc.poll() is None

    def text(self):
        with open(self.log, errors='replace') as f:
            return f.read()

    def ctl(self, *args):
        return subprocess.run([BANYAN, 'ctl', '--socket', self.sock, *args], capture_output=True, text=True, timeout=60)

    def ask(self, name, kind='A', do=True, cd=False, ad=False, edns=True, rd=True):
        m = dns.message.make_query(name, kind, use_edns=0 if edns else False, want_dnssec=do and edns)
        m.flags = (m.flags & ~dns.flags.RD) | (dns.flags.RD if rd else 0)
        m.flags |= (dns.flags.CD if cd else 0) | (dns.flags.AD if ad else 0)
        try:
            r = dns.query.udp(m, '127.0.0.1', port=self.port, timeout=15)
            return dns.query.tcp(m, '127.0.0.1', port=self.port, timeout=15) if r.flags & dns.flags.TC else r
        except (dns.exception.DNSException, OSError):
            return None

    def verdict(self, name, kind='A', **more):
        r = self.ask(name, kind, **more)
        if r is None:
            return 'none'
        if r.rcode() == dns.rcode.SERVFAIL:
            return 'bogus'
        return 'secure' if r.flags & dns.flags.AD else 'insecure'

    def explain(self, word, name, kind='A', *more):
        return subprocess.run([BANYAN, word, f'@{self.sock}', name, kind, *more], capture_output=True, text=True, timeout=60)

    def end(self):
        if self.proc is None:
            return
        self.proc.terminate()
        try:
            rc = self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            rc = 'did not end'
        text = self.text()
        ok(rc == 0 and 'Sanitizer' not in text and 'runtime error' not in text, f'{self.name} ends with status 0', f'{rc}\n{text}')
        self.proc = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def ede(r):
    return [(o.code, o.text or '') for o in r.options if o.otype == 15] if r else []


def sigs(r):
    return sum(s.rdtype == dns.rdatatype.RRSIG for part in (r.answer, r.authority) for s in part)


# ---- parts --------------------------------------------------------------------------------------------

XML = '''<?xml version="1.0" encoding="UTF-8"?>
<TrustAnchor id="x" source="https://data.example/root-anchors.xml"><Zone>.</Zone>
<KeyDigest id="k" validFrom="2017-02-02T00:00:00+00:00"><KeyTag>%s</KeyTag><Algorithm>%s</Algorithm>
<DigestType>%s</DigestType><Digest>%s</Digest></KeyDigest></TrustAnchor>
'''


def forms(lab):
    ds = lab.anchor('--ds')
    rdata = ds.split(' DS ')[1].split(None, 3)
    return {'DS': ds, 'DNSKEY': lab.anchor('--dnskey'), 'BIND': lab.anchor('--bind'),
            'XML': XML % (rdata[0], rdata[1], rdata[2], rdata[3].replace(' ', '').strip())}


def part_anchors(lab):
    for form, text in forms(lab).items():
        s = Server(lab, None, start=False)
        s.configure([s.file('anchor', text)])
        started = s.start()
        got = started and (s.verdict('www.example.org'), s.verdict('nowhere.example.org'), s.verdict('www.example.net'))
        ok(got == ('secure', 'secure', 'insecure'), f'anchor as {form}: secure, secure denial, insecure', f'{got}\n{s.text()}')
        s.end()
    wrong = re.sub(r'[0-9A-Fa-f]{8}\s*$', 'deadbeef\n', forms(lab)['DS'])
    s = Server(lab, None, start=False)
    s.configure([s.file('anchor', wrong)])
    s.start()
    r = s.ask('www.example.org')
    ok(r is not None and r.rcode() == dns.rcode.SERVFAIL and ede(r) and len(ede(r)[0][1]) > 20 and
       s.verdict('www.example.net') == 'bogus', f'a wrong anchor: everything is SERVFAIL: {ede(r)}', f'{r}\n{s.text()}')
    said = s.explain('explain', 'www.example.org').stdout
    ok('trust anchor configured here' in said and 'whoever runs this resolver' in said and 'anchor of the root (' in said
       and 'registrar' not in said, f'explain speaks of the anchor: {said.strip()}', said)
    ok(s.verdict('www.example.org', cd=True) == 'insecure', 'with CD there is an answer all the same')
    s.end()
    bad = Server(lab, ['/nonexistent/anchor'], start=False)
    ok(not bad.start() and '/nonexistent/anchor' in bad.text() and bad.proc.wait(5) not in (0, None),
       'a missing anchor file: no start, and the log names it', bad.text())
    print('# ' + bad.text().strip().replace('\n', '\n# '))
    bad = Server(lab, None, start=False)
    path = bad.file('anchor', forms(lab)['DS'] + '\n. IN DS 1 x 2 00\n')
    bad.configure([path])
    ok(not bad.start() and re.search(re.escape(path) + r':\d+', bad.text()), 'a bad line: no start, and the log has file and line',
       bad.text())
    print('# ' + bad.text().strip().replace('\n', '\n# '))


def part_off(lab):
    lab.banyan('break', 'sig-expired', 'www.example.org')
    with Server(lab, [os.path.join(lab.run, 'anchor.ds')], validate=False) as s:
        r = s.ask('www.example.org')
        ok(r is not None and r.rcode() == 0 and not r.flags & dns.flags.AD and sigs(r) > 0,
           'validate: no: a broken zone is answered, without AD, with its signatures for DO', r)
        ok(s.verdict('www.example.com') == 'insecure', 'validate: no: no AD for anything')
        said, j = s.ctl('anchors').stdout, json.loads(s.ctl('anchors', '--json').stdout)
        ok('validation is off' in said and j == {'validate': False, 'followed': False, 'points': []}, 'validate: no: ctl anchors says so', f'{said}{j}')
        ok('validation: off (resolver.validate: no)' in s.ctl('status').stdout, 'and so does the status', s.ctl('status').stdout)
    lab.banyan('fix')


CHECKED = (('trust-anchors', '', 'the file is empty'), ('trust-anchors', None, 'No such file'),
           ('trust-anchors', '. IN DS 20326 8 2 E06D4\n', ':1:'), ('trust-anchors', '; nothing\n', 'no trust anchor'),
           ('root-hints', '', 'the file is empty'), ('root-hints', None, 'No such file'), ('root-hints', '. IN NSS a.\n', ':1:1: error'),
           ('zones', None, 'No such file'), ('zones', '@ 300 SOA a b 1 2 3 4 5\n@ 300 NS a\na 300 A 1.2.3\n', ':3:9: error'))


def part_config(lab):
    """`banyan config check` reads the files that a configuration names, as the server would."""
    s = Server(lab, None, start=False)

    def check():
        return subprocess.run([BANYAN, 'config', 'check', s.conf], capture_output=True, text=True, timeout=60)
    s.configure([os.path.join(lab.run, 'anchor.ds')])
    r = check()
    ok(r.returncode == 0 and r.stdout.endswith('is good\n') and not r.stderr, 'config check: all files are good', r.stdout + r.stderr)
    for option, text, words in CHECKED:
        path = s.file('file', text or '')
        if text is None:
            os.remove(path)
        more = {'root-hints': path} if option == 'root-hints' else {}
        s.configure([path] if option == 'trust-anchors' else None, **more)
        if option == 'zones':
            with open(s.conf) as f:
                conf = json.load(f)
            with open(s.conf, 'w') as f:
                json.dump(dict(conf, zones=[{'name': 'example.org', 'file': path}]), f)
        r = check()
        ok(r.returncode == 1 and path in r.stderr and words in r.stderr and 'hint:' in r.stderr, f'config check: {option}: {words}',
           r.stdout + r.stderr)
    s.configure(None, negative_trust_anchors=[{'name': 'example.org', 'until': '2026-01-01T00:00:00Z'}])
    r = check()
    ok(r.returncode == 0 and 'warning' in r.stderr and 'example.org. ended' in r.stderr, 'config check: a negative anchor that is over: a warning',
       r.stdout + r.stderr)


def part_negative(lab):
    lab.banyan('break', 'sig-expired', 'www.example.org')
    anchors = [os.path.join(lab.run, 'anchor.ds')]
    stamp = lambda t: time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(t))
    with Server(lab, anchors) as s:
        ok(s.verdict('www.example.org') == 'bogus', 'a broken zone is SERVFAIL')
        s.configure(anchors, negative_trust_anchors=[{'name': 'example.org', 'until': stamp(time.time() + 12)}])
        r = s.ctl('reload')
        r2 = s.ask('www.example.org')
        ok(r.returncode == 0 and r2.rcode() == 0 and not r2.flags & dns.flags.AD and any(c == 33 for c, _ in ede(r2)),
           f'with a negative anchor it is answered at once, without AD, with EDE 33: {ede(r2)}', f'{r.stdout}{r.stderr}\n{r2}')
        ok(s.verdict('www.example.com') == 'secure', 'others are checked all the same')
        ok(until(lambda: s.verdict('www.example.org') == 'bogus', 20), 'after "until" it is SERVFAIL again, without a reload', s.text())
        s.configure(anchors, negative_trust_anchors=[{'name': 'example.org', 'until': 'tomorrow'}])
        r = s.ctl('reload')
        ok(r.returncode != 0 and 'until' in r.stderr + r.stdout + s.text(), 'a wrong "until" is refused', r.stdout + r.stderr)
    lab.banyan('fix')


def part_bits(lab):
    lab.banyan('break', 'data-changed', 'www.example.org')
    with Server(lab, [os.path.join(lab.run, 'anchor.ds')]) as s:
        for name, kind in (('www.example.com', 'AAAA'), ('nowhere.example.com', 'A'), ('www.example.com', 'MX')):
            for life in ('fresh', 'cached'):
                plain, ad, do = s.ask(name, kind, do=False), s.ask(name, kind, do=False, ad=True), s.ask(name, kind)
                bare = s.ask(name, kind, edns=False, ad=True)
                ok(not plain.flags & dns.flags.AD and sigs(plain) == 0, f'{name} {kind}, {life}: neither AD nor signatures unasked for', plain)
                ok(ad.flags & dns.flags.AD and sigs(ad) == 0, f'{name} {kind}, {life}: AD for AD, no signatures', ad)
                ok(do.flags & dns.flags.AD and sigs(do) > 0 and do.ednsflags & dns.flags.DO, f'{name} {kind}, {life}: AD and signatures for DO', do)
                ok(bare.flags & dns.flags.AD and bare.edns < 0, f'{name} {kind}, {life}: AD without EDNS', bare)
        one = s.ask('www.example.org', cd=True)
        ok(one.rcode() == 0 and one.flags & dns.flags.CD and not one.flags & dns.flags.AD and sigs(one) > 0,
           'CD gives the broken data with CD and without AD', one)
        ok(s.verdict('www.example.org') == 'bogus', 'and nobody else gets them')
        ok(s.ask('www.example.org', cd=True).rcode() == 0 and s.verdict('www.example.org') == 'bogus', 'in any order')
        r = s.ask('www.example.org')
        ok(ede(r) and ede(r)[0][0] == 6 and 'example.org' in ede(r)[0][1], f'EDE with words: {ede(r)}', r)
        ok(not r.answer and not r.flags & dns.flags.AD, 'SERVFAIL has no data')
    lab.banyan('fix')


def part_reload(lab):
    good, wrong = forms(lab)['DS'], re.sub(r'[0-9A-Fa-f]{8}\s*$', 'deadbeef\n', forms(lab)['DS'])
    with Server(lab, [os.path.join(lab.run, 'anchor.ds')]) as s:
        ok(s.verdict('www.example.org') == 'secure', 'with the right anchor: secure')
        path = s.file('anchor', wrong)
        s.configure([path])
        r = s.ctl('reload')
        ok(r.returncode == 0 and s.verdict('www.example.org') == 'bogus' and s.verdict('www.example.com') == 'bogus',
           'a reload with a wrong anchor: at once SERVFAIL, what is cached too', r.stdout + r.stderr + s.text())
        s.file('anchor', good)
        r = s.ctl('reload')
        ok(r.returncode == 0 and s.verdict('www.example.org') == 'secure', 'the same file mended: at once secure', r.stdout + r.stderr + s.text())
        s.configure([path], validate=False)
        s.ctl('reload')
        ok(s.verdict('www.example.org') == 'insecure', 'validate: no: at once no AD')
        s.configure([path])
        s.ctl('reload')
        ok(s.verdict('www.example.org') == 'secure', 'validate: yes: at once AD')
        s.configure(['/nonexistent/anchor'])
        r = s.ctl('reload')
        ok(r.returncode != 0 and '/nonexistent/anchor' in r.stdout + r.stderr + s.text() and s.verdict('www.example.org') == 'secure',
           'a reload with a missing file fails, and what was in force stays', r.stdout + r.stderr)
        ok('nothing was changed' in r.stderr and 'trust-anchors: changed' not in r.stdout, 'and does not tell of changes that are none', r.stdout + r.stderr)


# recipe, target, question, who must act, a word that must be there
WHO = (('sig-expired', 'www.example.org', 'www.example.org A', 'operator of example.org', 'expired'),
       ('ds-wrong-digest', 'www.example.org', 'www.example.org A', 'registrar', 'DS'),
       ('ksk-roll-wrong', 'www.example.org', 'www.example.org A', 'registrar', '54321'),
       ('ds-for-unsigned', 'www.example.org', 'www.example.org A', 'registrar', 'DS'),
       ('sig-missing', 'www.example.org', 'www.example.org A', 'example.org', 'sign'),
       ('data-changed', 'www.example.org', 'www.example.org A', 'example.org', 'changed'),
       ('sig-not-yet-valid', 'www.example.org', 'www.example.org A', 'operator of example.org', 'valid only'),
       ('insecure-no-proof', 'www.example.org', 'www.example.org A', 'org', 'DS'),
       ('nsec-missing', 'example.org', 'nowhere.example.org A', 'operator of example.org', 'does not prove'),
       ('dnskey-expired', 'www.example.org', 'www.example.org A', 'operator of example.org', 'expired'))


def part_words(lab):
    with Server(lab, [os.path.join(lab.run, 'anchor.ds')]) as s:
        for recipe, target, question, who, word in WHO:
            lab.banyan('break', recipe, target)
            s.ctl('flush', '--all')
            said = s.explain('explain', *question.split()).stdout
            flat = ' '.join(said.split())
            act = flat.split('What has to be done', 1)
            ok(len(act) == 2 and who in act[1] and word in flat, f'{recipe}: {flat}', f'wants "{who}" in what has to be done, and "{word}"')
            trace = s.explain('trace', *question.split()).stdout
            ok('example.org' in trace and 'root' in trace.lower() and len(trace) > 300, f'{recipe}: trace shows the chain', trace)
            lab.banyan('fix')


def part_delv(lab):
    if not shutil.which('delv'):
        return ok(True, 'delv # SKIP not installed')
    with Server(lab, [os.path.join(lab.run, 'anchor.ds')]) as s:
        bind = s.file('bind.keys', lab.anchor('--bind'))
        questions = (('www.example.org', 'A', 'fully validated'), ('nowhere.example.org', 'A', 'negative response, fully validated'),
                     ('www.example.org', 'MX', 'negative response, fully validated'), ('x.wildcard.org', 'A', 'fully validated'),
                     ('nowhere.org', 'A', 'negative response, fully validated'), ('nowhere.chain.org', 'A', 'negative response, fully validated'),
                     ('one.chain.org', 'A', 'fully validated'), ('www.old.moved.org', 'A', 'fully validated'),
                     ('example.org', 'DS', 'fully validated'), ('example.org', 'DNSKEY', 'fully validated'),
                     ('x.wildcard.org', 'AAAA', 'fully validated'), ('x.ent.wildcard.org', 'A', 'negative response, fully validated'),
                     ('www.example.net', 'A', 'unsigned answer'), ('example.net', 'DS', 'negative response'))
        for life in ('fresh', 'from the cache'):
            for name, kind, want in questions:
                r = subprocess.run(['delv', '-4', '-a', bind, '+root=.', '@127.0.0.1', '-p', str(s.port), name, kind],
                                   capture_output=True, text=True, timeout=60)
                ok(want in r.stdout, f'delv, {life}: {name} {kind}: {want}', r.stdout + r.stderr)


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
    trust-anchor-file: "{anchor}"
    trust-anchor-signaling: no
    val-log-level: 2
    ede: yes
    num-threads: 1
    module-config: "validator iterator"
    local-zone: "2.0.192.in-addr.arpa." nodefault
    local-zone: "8.b.d.0.1.0.0.2.ip6.arpa." nodefault
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{to}
remote-control:
    control-enable: no
'''


class Behind:
    """Unbound that knows nobody but banyand, and checks everything."""

    def __init__(self, s):
        self.port = free_port()
        conf = s.file('unbound.conf', UNBOUND.format(port=self.port, dir=s.dir, anchor=os.path.join(s.lab.run, 'anchor.ds'), to=s.port))
        with open(os.path.join(s.dir, 'unbound.out'), 'w') as out:
            self.proc = subprocess.Popen(['unbound', '-d', '-c', conf], stdout=out, stderr=out)
        until(lambda: self.ask('.', 'SOA') is not None)

    ask, verdict = Server.ask, Server.verdict

    def end(self):
        self.proc.terminate()
        self.proc.wait(10)


# Zones of which every server, or the only good one, is slow, silent or wrong; a chain of aliases that each resolver ends elsewhere.
SLOW = re.compile(r'(^|\.)(alllame\.org|gone\.net|cyclic\.org|cyclic\.net|servfail\.net|refused\.net|dead\.org|lame\.org|lossy\.net|'
                  r'old-edns\.net|spoofed\.net|slow\.org|notcp\.net|broken\.chain\.net|(l\d+|loop)\.chain\.(org|net))\.$')


def lab_questions(lab):
    """Every name of every zone of the lab, with each type that is there and some that are not; and names that are not."""
    out = set()
    for f in sorted(os.listdir(os.path.join(lab.data, 'zones'))):
        with open(os.path.join(lab.data, 'zones', f)) as h:
            text = h.read()
        origin = re.search(r'^\$ORIGIN\s+(\S+)', text, re.M).group(1)
        owner = origin
        for line in text.splitlines():
            line = line.split(';')[0].rstrip()
            if not line or line[0] == '$' or '(' in line or ')' in line:
                continue
            words = line.split()
            if not line[0].isspace():
                owner = origin if words[0] == '@' else words[0] if words[0].endswith('.') else f'{words[0]}.{origin.lstrip(".")}'
                words = words[1:]
            kinds = [w for w in words if w in ('A', 'AAAA', 'MX', 'TXT', 'NS', 'CNAME', 'DNAME', 'SRV', 'CAA', 'PTR', 'HTTPS')]
            name = owner.replace('*', 'q-x')
            for kind in kinds[:1] + ['DS', 'HINFO']:
                out.add((name, kind))
        for word in ('nowhere', 'a.b.nowhere', 'zzz'):
            out.add((f'{word}.{origin.lstrip(".")}', 'A'))
        for kind in ('SOA', 'DNSKEY', 'DS', 'NS'):
            out.add((origin, kind))
    return sorted(q for q in out if not SLOW.search(q[0].lower()))


def part_behind(lab):
    if not shutil.which('unbound'):
        return ok(True, 'Unbound behind banyand # SKIP not installed')
    with Server(lab, [os.path.join(lab.run, 'anchor.ds')]) as s:
        b = Behind(s)
        bad, count = [], {}
        try:
            for name, kind in lab_questions(lab):
                one, two = s.verdict(name, kind), b.verdict(name, kind)
                count[one] = count.get(one, 0) + 1
                if one != two:
                    r = b.ask(name, kind)
                    bad.append(f'{name} {kind}: banyand {one}, Unbound behind it {two} {ede(r)}')
        finally:
            b.end()
        ok(not bad and count.get('secure', 0) > 200, f'an Unbound that forwards to banyand validates everything: {count}', '\n'.join(bad))


def preload():
    if not os.path.exists(FAKETIME):
        return None
    value = FAKETIME
    r = subprocess.run(['ldd', BANYAND], capture_output=True, text=True).stdout
    m = re.search(r'libasan\S* => (\S+)', r)
    if m:
        value = m.group(1) + ' ' + FAKETIME
    probe = subprocess.run([BANYAN, 'version'], capture_output=True, env=dict(os.environ, LD_PRELOAD=value, FAKETIME='+1d'))
    return value if probe.returncode == 0 else None


def part_clock(lab):
    value = preload()
    if value is None:
        return ok(True, 'clocks # SKIP no faketime, or a build that it does not work with')
    asan = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0:quarantine_size_mb=0'
    for word, days in (('behind', -365), ('ahead', 365)):
        clock = os.path.join(lab.tmp, 'clock-' + word)

        def tell(offset):
            with open(clock + '.new', 'w') as f:
                f.write('%+dd\n' % offset if offset else '+0\n')
            os.rename(clock + '.new', clock)
        tell(days)
        env = dict(os.environ, LD_PRELOAD=value, FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE='1', ASAN_OPTIONS=asan,
                   FAKETIME_DONT_FAKE_MONOTONIC='1')
        s = Server(lab, [os.path.join(lab.run, 'anchor.ds')], env=env)
        r = s.ask('www.example.org')
        text = ' '.join(t for _, t in ede(r))
        ok(r is not None and r.rcode() == dns.rcode.SERVFAIL and 'clock' in text, f'a year {word}: SERVFAIL, EDE speaks of the clock: {ede(r)}',
           f'{r}\n{s.text()}')
        said = ' '.join(s.explain('explain', 'www.example.org').stdout.split())
        ok('clock' in said, f'explain: {said}', s.text())
        tell(0)
        begin = time.time()
        good = until(lambda: s.verdict('www.example.org') == 'secure', 60)
        ok(good, f'the clock is put right: secure again after {time.time() - begin:.0f} s, without a restart', s.text())
        ok(s.verdict('www.example.com') == 'secure' and s.verdict('www.example.net') == 'insecure', 'and so is everything else')
        s.end()


PARTS = (part_anchors, part_off, part_config, part_negative, part_bits, part_reload, part_words, part_delv, part_behind, part_clock)


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ''
    tmp = tempfile.mkdtemp(prefix='banyan-e2e-validate-')
    lab = None
    try:
        lab = Lab(tmp)
        for part in PARTS:
            if only in part.__name__:
                print(f'# {part.__name__}')
                part(lab)
    finally:
        if lab is not None:
            lab.banyan('down')
        shutil.rmtree(tmp, ignore_errors=True)
    print(f'1..{points}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
