#!/usr/bin/env python3
"""banyan query against a small server that lies, keeps silent and truncates; and +validate against a lab, its
resolver, and a forwarder that loses signatures or changes data. Prints TAP.

    BANYAN_BUILD=build tools/e2e_query.py [--recipes all]
"""
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
BANYAN = next((p for p in (os.path.join(BUILD, d, 'banyan') for d in ('', 'src/app')) if os.access(p, os.X_OK)), None)
if BANYAN is None:
    sys.exit(f'Bail out! no banyan in {BUILD}')
points = failed = 0
seen = []  # (protocol, query)


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-25:]:
            print('# ' + line)


def record(rtype, rdata, ttl=300):
    return b'\xc0\x0c' + struct.pack('>HHIH', rtype, 1, ttl, len(rdata)) + rdata


def question(query):
    at = 12
    labels = []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    return labels, query[12:at + 5], struct.unpack('>H', query[at + 1:at + 3])[0]


def reply(query, answers=(), rcode=0, flags=0x8580, change=0, extra=(), opt=None):
    _, q, _ = question(query)
    additional = list(extra)
    if opt is not None:
        additional.append(b'\0' + struct.pack('>HHIH', 41, 1232, 0, len(opt)) + opt)
    ident = struct.unpack('>H', query[:2])[0] ^ change
    return struct.pack('>HHHHHH', ident, flags | rcode, 1, len(answers), 0, len(additional)) + q + b''.join(answers) + b''.join(additional)


A = record(1, bytes([192, 0, 2, 1]))


def answers(query, tcp):
    """What the server sends: a list of messages."""
    labels, _, rtype = question(query)
    first = labels[0] if labels else '.'
    if first == 'silent':
        return []
    if first == 'wrongid':
        return [reply(query, [record(1, b'\x06\x06\x06\x06')], change=1), reply(query, [A])]
    if first == 'wrongname':
        bad = bytearray(reply(query, [record(1, b'\x06\x06\x06\x06')]))
        bad[13] ^= 1
        return [bytes(bad), reply(query, [A])]
    if first == 'onlywrong':
        return [reply(query, [A], change=7)]
    if first == 'noqr':
        return [reply(query, [A], flags=0x0100)]
    if first == 'big':
        return [reply(query, [record(1, bytes([192, 0, 2, i])) for i in range(200)])] if tcp else [reply(query, flags=0x8780)]
    if first == 'nx':
        return [reply(query, rcode=3)]
    if first == 'refused':
        return [reply(query, rcode=5, opt=struct.pack('>HHH', 15, 2 + 4, 18) + b'nope')]
    if first == 'broken':
        return [reply(query, [record(1, b'\x01')])]
    if first == 'cutoff':
        return [reply(query, [A])[:-7]]
    if first == 'third':
        return [reply(query, [A])] if sum(q[12:] == query[12:] for _, q in seen) >= 3 else []
    if rtype == 12:
        return [reply(query, [record(12, b'\4host\7example\0')])]
    if rtype == 6:
        return [reply(query, [record(6, b'\2ns\0\2me\0' + struct.pack('>IIIII', 1, 7200, 3600, 604800, 90))])]
    return [reply(query, [A], opt=b'')]


def udp(sock):
    while True:
        query, who = sock.recvfrom(65535)
        seen.append(('udp', query))
        for m in answers(query, False):
            sock.sendto(m, who)


def tcp(sock):
    while True:
        c, _ = sock.accept()
        with c:
            head = c.recv(2, socket.MSG_WAITALL)
            if len(head) < 2:
                continue
            query = c.recv(struct.unpack('>H', head)[0], socket.MSG_WAITALL)
            seen.append(('tcp', query))
            for m in answers(query, True):
                c.sendall(struct.pack('>H', len(m)) + m)


def serve():
    for _ in range(50):
        t = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        t.bind(('127.0.0.1', 0))
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            u.bind(t.getsockname())
        except OSError:
            continue
        t.listen(8)
        threading.Thread(target=udp, args=(u,), daemon=True).start()
        threading.Thread(target=tcp, args=(t,), daemon=True).start()
        return t.getsockname()[1]
    sys.exit('Bail out! no port')


PORT = serve()


def ask(*words, server=True):
    del seen[:]
    r = subprocess.run([BANYAN, 'query'] + ([f'@127.0.0.1:{PORT}'] if server else []) + list(words),
                       capture_output=True, text=True, timeout=60)
    r.all = f'exit {r.returncode}\n{r.stdout}\n{r.stderr}'
    return r


def forms():
    r = ask('www.example.')
    ok(r.returncode == 0 and 'NOERROR' in r.stdout and '192.0.2.1' in r.stdout and '\033' not in r.stdout, 'a plain answer', r.all)
    r = ask('www.example.', '+short')
    ok(r.stdout == '192.0.2.1\n', '+short is the data only', r.all)
    r = ask('www.example.', '--json')
    j = json.loads(r.stdout)
    ok(j['message']['answer'][0]['rdata'] == '192.0.2.1' and j['protocol'] == 'UDP', '--json', r.all)
    r = ask('www.example.', '--hex')
    ok(bytes.fromhex(r.stdout.strip()).endswith(b'\0' * 6), '--hex', r.all)
    r = ask('www.example.', '+noall', '+answer')
    ok(r.stdout.split() == ['www.example.', '300', 'IN', 'A', '192.0.2.1'], '+noall +answer is one record', r.all)
    r = ask('www.example.', '--color', 'always')
    ok('\033[' in r.stdout, '--color always', r.all)
    r = ask('example.', 'SOA', '+multiline')
    ok('; serial' in r.stdout and '(2h)' in r.stdout, '+multiline', r.all)
    r = ask('-x', '192.0.2.7', '+short')
    ok(r.stdout == 'host.example.\n' and question(seen[0][1])[0][:2] == ['7', '2'], '-x', r.all)
    ask('-x', '2001:db8::1')
    ok(question(seen[0][1])[0][:2] == ['1', '0'] and len(question(seen[0][1])[0]) == 34, '-x of IPv6')
    r = ask('+short', 'a.example.', 'b.example.')
    ok(r.stdout == '192.0.2.1\n' * 2 and len(seen) == 2, 'two questions', r.all)
    r = ask('MX', 'a.example.')
    ok(question(seen[0][1])[2] == 15, 'type before name', r.all)
    r = subprocess.run([BANYAN, 'query', f'@127.0.0.1:{PORT}', '+short', '-f', '-'], input='a.example.\n# no\nb.example. A\n',
                       capture_output=True, text=True, timeout=30)
    ok(r.stdout == '192.0.2.1\n' * 2, '-f reads questions', r.stdout + r.stderr)


def wire():
    ask('www.example.')
    q = seen[0][1]
    ok(q[2:4] == b'\x01\x20' and q[-11:-4] == b'\0\0\x29\x04\xd0\0\0', 'RD, AD and EDNS 1232 by default', q.hex())
    ask('www.example.', '+norec', '+cd', '+noad', '+noedns')
    q = seen[0][1]
    ok(q[2:4] == b'\0\x10' and q[10:12] == b'\0\0', '+norec +cd +noad +noedns', q.hex())
    ask('www.example.', '+dnssec', '+bufsize=4096', '+nsid')
    q = seen[0][1]
    ok(b'\x29\x10\x00\x00\x00\x80\x00\x00\x04\x00\x03\x00\x00' in q, '+dnssec +bufsize +nsid', q.hex())
    ask('www.example.', '+subnet=192.0.2.0/24')
    ok(bytes.fromhex('00080007000118 00c00002'.replace(' ', '')) in seen[0][1], '+subnet', seen[0][1].hex())
    ask('www.example.', '+ednsopt=65001:abcd', '+ednsflags=0x4001')
    q = seen[0][1]
    ok(q.endswith(bytes.fromhex('fde90002abcd')) and b'\x00\x00\x40\x01\x00\x06' in q, '+ednsopt +ednsflags', q.hex())
    ask('www.example.', '+cookie')
    ok(b'\x00\x0a\x00\x08' in seen[0][1], '+cookie')
    ask('www.example.', '+padding=128')
    ok(len(seen[0][1]) == 128, '+padding', len(seen[0][1]))
    ask('www.example.', '+opcode=NOTIFY')
    ok(seen[0][1][2] >> 3 & 15 == 4, '+opcode')
    ask('www.example.', '+tcp')
    ok([p for p, _ in seen] == ['tcp'], '+tcp')


def trouble():
    for name in ('wrongid', 'wrongname'):
        r = ask(name + '.example.', '+short')
        ok(r.stdout == '192.0.2.1\n' and r.returncode == 0, name + ' is passed over', r.all)
    for name in ('silent', 'onlywrong', 'noqr'):
        start = time.time()
        r = ask(name + '.example.', '+time=0.2', '+tries=2')
        ok(r.returncode == 9 and 'no reply' in r.stdout and time.time() - start < 5 and len(seen) == 2, name + ': exit 9 after two tries', r.all)
    r = ask('silent.example.', '+time=0.1', '+tries=1', '--json')
    ok('error' in json.loads(r.stdout) and r.returncode == 9, 'no reply as JSON', r.all)
    r = ask('third.example.', '+time=0.3', '+tries=4')
    ok(r.returncode == 0 and '3 tries' in r.stdout, 'the third try counts', r.all)
    r = ask('big.example.')
    ok([p for p, _ in seen] == ['udp', 'tcp'] and r.stdout.count('192.0.2.') >= 200, 'TC leads to TCP', r.all)
    r = ask('big.example.', '+ignore')
    ok([p for p, _ in seen] == ['udp'] and 'cut short' in r.stdout, '+ignore keeps the cut answer', r.all)
    r = ask('nx.example.')
    ok(r.returncode == 0 and 'NXDOMAIN' in r.stdout and 'no such name' in r.stdout, 'NXDOMAIN in words', r.all)
    r = ask('refused.example.')
    ok('REFUSED' in r.stdout and '18 (Prohibited): "nope"' in r.stdout, 'EDE in words', r.all)
    r = ask('broken.example.')
    ok(r.returncode == 0 and 'malformed' in r.stdout and '\\# 1 01' in r.stdout, 'malformed RDATA is shown as such', r.all)
    r = ask('cutoff.example.')
    ok(r.returncode == 10 and 'ends too early' in r.stdout, 'a message cut short: exit 10', r.all)
    r = ask('www.example.', '@127.0.0.1:1', '+time=1', '+tries=1', server=False)
    ok(r.returncode == 9 and 'refused' in r.stdout.lower(), 'nobody listens', r.all)


def usage():
    for words, hint in ((('+shrot', 'a.'), '+short'), (('--jsno', 'a.'), '--json'), (('-t', 'NOTYPE', 'a.'), 'TYPE65534'),
                        (('+bufsize=x', 'a.'), '65535'), (('a..b',), 'domain name'), (('-p', '0', 'a.'), '65535'),
                        (('+trace', 'a.'), 'banyan trace'), (('-q',), 'missing'), (('+subnet=1.2.3', 'a.'), 'prefix'),
                        (('+ednsopt', 'a.'), 'option')):
        r = ask(*words)
        ok(r.returncode == 2 and hint in r.stderr and r.stdout == '' and not seen, 'wrong usage: ' + ' '.join(words), r.all)
    r = ask('--help')
    ok(r.returncode == 0 and 'examples:' in r.stdout and '+[no]dnssec' in r.stdout, '--help', r.all)


# --- +validate ---

# name, type, verdict, words of the chain
WHOLE = (('www.example.org', 'A', 'secure', ('anchor 44807 (RSASHA256)', 'org.  ', 'DS 55770 (ECDSAP256SHA256, SHA-256), signed by org. key',
                                             'www.example.org. A  signed by example.org. key 55770')),
         ('nowhere.example.org', 'A', 'secure', ('there is no such name', 'covers nowhere.example.org.', 'covers *.example.org.')),
         ('www.example.org', 'MX', 'secure', ('there is A, AAAA, but no MX',)),
         ('nowhere.org', 'A', 'secure', ('matches the closest encloser org.', 'covers nowhere.org.', 'covers *.org.')),
         ('x.wildcard.org', 'A', 'secure', ('made from the wildcard *.wildcard.org.', 'covers x.wildcard.org.')),
         ('x.wildcard.org', 'AAAA', 'secure', ('the wildcard has A, MX, TXT, but no AAAA',)),
         ('ent.wildcard.org', 'A', 'secure', ('has no records, only names below it',)),
         ('x.ent.wildcard.org', 'A', 'secure', ('covers *.ent.wildcard.org.',)),
         ('one.chain.org', 'A', 'secure', ('one.chain.org. CNAME', '-> two.chain.net.', 'www.example.com. A')),
         ('www.old.moved.org', 'A', 'secure', ('old.moved.org. DNAME', '-> www.example.com.')),
         ('101.96/27.2.0.192.in-addr.arpa', 'PTR', 'secure', ('0.192.in-addr.arpa.', 'no zone of its own')),
         ('www.example.net', 'A', 'insecure', ('example.net.  ', 'no DS: the chain ends here', 'covers example.net. (opt-out)',
                                              'the zone example.net. has no DS at its parent, which proves so: it counts as not signed')),
         ('host.c.b.a.deep.org', 'A', 'insecure', ('NSEC b.a.deep.org.: there is NS, but no DS', 'ED448', 'not checked')),
         ('nowhere.example.co.jp', 'A', 'insecure', ('the zone jp. has no DS at its parent',)),
         ('example.org', 'DS', 'secure', ('example.org. DS  signed by org. key',)),
         ('example.net', 'DS', 'insecure', ('there is no DS', '(opt-out)')),
         ('.', 'DS', 'secure', ('there is NS, SOA, DNSKEY, but no DS',)),
         ('.', 'NS', 'secure', ('signed by . key',)),
         ('org', 'DNSKEY', 'secure', ('org. DNSKEY  signed by org. key',)),
         ('example.org', 'ANY', 'secure', ('signed by example.org. key',)))

# recipe, words, and those of a resolver's replies if they differ
RECIPES = {
    'sig-expired': ('www.example.org. A  no good signature  <- BROKEN HERE', 'expired 10 d ago', 'has to sign it again'),
    'sig-not-yet-valid': ('becomes valid only in',),
    'sig-missing': ('www.example.org. A  no signature  <- BROKEN HERE', 'is missing, though example.org. is signed'),
    'data-changed': ('does not fit the data',),
    'sig-wrong-signer': ('is by another zone',),
    'dnskey-expired': ('key 55770  <- BROKEN HERE', 'example.org. DNSKEY by key 55770 (ECDSAP256SHA256) expired'),
    'ksk-missing': ("the parent's DS names key 55770, the zone publishes", 'the DS at the registrar is old',
                    'has to give its registrar the DS'),
    'ds-wrong-digest': ("the DS's digest does not fit", 'a DS made anew from that key'),
    'ds-for-unsigned': ('publishes no keys, though its parent says that it is signed',),
    'ds-unknown-digest': ('the DS of the zone example.org. has only digest type 200', 'give the registrar a DS with digest type 2'),
    'ds-removed': ('no DS: the chain ends here',),
    'key-unknown-algorithm': ('is signed only with algorithm 200, not supported here', 'only the operator of example.org. can change that'),
    'insecure-no-proof': ('org. does not prove that there is no example.org. DS', 'there is no DS; without a good proof'),
    'nsec-missing': ('does not prove that there is no nowhere.example.org. A', 'has to mend the chain'),
    'nsec-expired': ('NSEC by key', 'expired 10 d ago'),
    'nsec-wrong-nodata': ('does not prove that there is no www.example.org. MX',),
    'nsec3-iterations': ('the zone example.org. has 500 NSEC3 iterations', 'sign it with 0 NSEC3 iterations'),
    'wildcard-no-proof': ('does not prove that there is no x.wildcard.org. A',),
    'stale-secondary': (), 'algorithm-roll-early': (),
}
# Replies of a resolver leave out denial records without signatures: what is left proves nothing. And what is
# insecure for a reason of its own says so.
OTHER_EDE = {'nsec-sig-missing': 12, 'unsigned-iterations-2500': 27}
# Too much for one query of a resolver, but not for somebody who waits for the answer: each step has a budget of its own, and a
# hint tells that a resolver gives up.
OTHER_VERDICT = {'sigs-wrong-chain': 'secure', 'ed448-wrong': 'secure', 'p384-wrong': 'secure'}


class Lab:
    def __init__(self):
        self.tmp = tempfile.mkdtemp(prefix='banyan-query-')
        self.data, self.run = os.path.join(self.tmp, 'lab'), os.path.join(self.tmp, 'run')
        shutil.copytree(os.path.join(ROOT, 'lab'), self.data)
        path = os.path.join(self.data, 'topology.yaml')
        text = re.sub(r'delay: \d+ ms', 'delay: 1 ms', open(path).read())
        open(path, 'w').write(text)
        self.env = dict(os.environ, BANYAN_LAB_RUN=self.run, BANYAN_LAB=self.data, NO_COLOR='1')
        self.banyan('lab', 'up')
        m = re.search(r'^resolver 127\.0\.0\.1:(\d+)', open(os.path.join(self.run, 'state')).read(), re.M)
        self.port = int(m.group(1))

    def banyan(self, *words):
        r = subprocess.run([BANYAN, *words], capture_output=True, text=True, timeout=120, env=self.env)
        r.all = f'exit {r.returncode}\n{r.stdout}\n{r.stderr}'
        return r

    def query(self, *words):
        return self.banyan('query', *words)

    def flush(self):
        self.banyan('ctl', '--socket', os.path.join(self.run, 'control'), 'flush')

    def down(self):
        self.banyan('lab', 'down')
        shutil.rmtree(self.tmp, ignore_errors=True)


def verdict_of(r):
    m = re.search(r'^;; (secure|insecure|bogus|undecided): ', r.stdout, re.M)
    return m.group(1) if m else 'none'


def whole(lab):
    for name, rtype, want, words in WHOLE:
        for way in (('--lab',), ('@lab', '+validate')):
            r = lab.query(*way, name, rtype)
            missing = [w for w in words if w not in r.stdout]
            if way[0] == '@lab' and rtype == 'ANY':
                missing = []
            ok(r.returncode == 0 and verdict_of(r) == want and not missing, f'{way[0]} {name} {rtype}: {want}',
               f'missing {missing}\n{r.all}')


def recipes(lab):
    faults = os.path.join(lab.data, 'faults')
    words = [w[:-6] for w in sorted(os.listdir(faults))] if '--recipes' in sys.argv else RECIPES
    for word in words:
        text = open(os.path.join(faults, word + '.fault')).read()
        m = re.search(r'^verdict (\w+)', text, re.M)
        if m is None:
            continue
        want = OTHER_VERDICT.get(word, m.group(1))
        ede = int((re.search(r'^ede\s+(\d+)', text, re.M) or [0, 0])[1])
        target, name, rtype = re.search(r'^try\s+(\S+) (\S+) (\S+)', text, re.M).groups()
        r = lab.banyan('lab', 'break', word, target)
        if r.returncode:
            ok(False, f'{word} can be broken', r.all)
            continue
        for way in (('--lab',), ('@lab', '+validate')):
            if word == 'stale-secondary' and way[0] == '@lab':
                continue  # with CD a resolver gives what the first server says
            r = lab.query(*way, name, rtype)
            j = json.loads(lab.query(*way, name, rtype, '--json').stdout or '{}').get('validation', {})
            said = verdict_of(r)
            good = (r.returncode == 1) == (want == 'bogus') and (said == want or (said == 'undecided' and want == 'bogus'))
            good = good and said == j.get('verdict') and (want == 'secure' or j.get('ede', 0) == OTHER_EDE.get(word, ede))
            missing = [w for w in RECIPES.get(word, ()) if w not in r.stdout]
            missing += ['answers SERVFAIL'] if (word in OTHER_VERDICT) != ('answers SERVFAIL' in r.stdout) else []
            broken = [x for x in j.get('chain', ()) if x['broken']]
            good = good and len(broken) == (r.returncode == 1)
            ok(good and not missing, f'{way[0]} {word}: {want}, EDE {ede}', f'missing {missing} {j.get("ede")} {len(broken)}\n{r.all}')
        lab.banyan('lab', 'fix')
        lab.flush()


class Forwarder:
    """Stands before the lab's resolver and passes on what `change(query)` and `spoil(reply)` leave of it."""

    def __init__(self, port, change, spoil=lambda reply: reply):
        self.port, self.change, self.spoil = port, change, spoil
        for _ in range(50):
            self.tcp, self.udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
            self.tcp.bind(('127.0.0.1', 0))
            try:
                self.udp.bind(self.tcp.getsockname())
                break
            except OSError:
                continue
        self.tcp.listen(8)
        self.at = f'@127.0.0.1:{self.tcp.getsockname()[1]}'
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    def pass_on(self, query):
        query = self.change(query)
        with socket.create_connection(('127.0.0.1', self.port), 20) as c:
            c.sendall(struct.pack('>H', len(query)) + query)
            n = struct.unpack('>H', c.recv(2, socket.MSG_WAITALL))[0]
            return self.spoil(c.recv(n, socket.MSG_WAITALL))

    def serve_udp(self):
        while True:
            query, who = self.udp.recvfrom(65535)
            out = self.pass_on(query)
            if len(out) > 1232:
                out = out[:2] + bytes([out[2] | 2]) + out[3:4] + b'\0\1' + b'\0' * 6 + question(query)[1]
            self.udp.sendto(out, who)

    def serve_tcp(self):
        while True:
            c, _ = self.tcp.accept()
            with c:
                n = struct.unpack('>H', c.recv(2, socket.MSG_WAITALL))[0]
                out = self.pass_on(c.recv(n, socket.MSG_WAITALL))
                c.sendall(struct.pack('>H', len(out)) + out)


def opt_at(query):
    return len(question(query)[1]) + 12


def without_do(query):
    at = opt_at(query)
    return query[:at + 7] + b'\0\0' + query[at + 9:]


def without_opt(query):
    return query[:10] + b'\0\0' + query[12:opt_at(query)]


def without_do_for_a(query):
    return without_do(query) if question(query)[2] == 1 else query


def forwarders(lab):
    anchor = ('--anchor', os.path.join(lab.run, 'anchor.ds'))
    ask_at = lambda f: lab.query(f.at, *anchor, 'www.example.org')
    r = ask_at(Forwarder(lab.port, lambda q: q))
    ok(r.returncode == 0 and verdict_of(r) == 'secure', 'a good forwarder: secure', r.all)
    for how, words in ((without_do, 'loses DO'), (without_opt, 'knows no EDNS')):
        r = ask_at(Forwarder(lab.port, how))
        ok(r.returncode == 1 and 'not even the zone of the trust anchor comes with signatures' in r.stdout and
           'the operator of that server' in r.stdout and re.search(r'^;;   \. .*BROKEN HERE$', r.stdout, re.M),
           'a forwarder that ' + words + ' is told from a broken zone', r.all)
    r = ask_at(Forwarder(lab.port, without_do_for_a))
    ok(r.returncode == 1 and 'www.example.org. A  no signature  <- BROKEN HERE' in r.stdout and 'without @SERVER' in r.stdout,
       'signatures lost of the data only: how to tell', r.all)
    r = ask_at(Forwarder(lab.port, lambda q: q, lambda m: m.replace(bytes([192, 0, 2, 80]), bytes([192, 0, 2, 66]))))
    ok(r.returncode == 1 and 'does not fit the data' in r.stdout and '192.0.2.66' in r.stdout, 'changed data is found out', r.all)
    f = Forwarder(lab.port, lambda q: q, lambda m: m.replace(bytes([192, 0, 2, 80]), bytes([192, 0, 2, 66])))
    r = lab.query(f.at, *anchor, 'www.example.org', '+short')
    ok(r.returncode == 1 and r.stdout == '' and 'bogus' in r.stderr, '+short shows nothing that cannot be believed', r.all)
    r = lab.query(f'@127.0.0.1:{PORT}', *anchor, 'silent.example.', '+time=0.2', '+tries=1')
    ok(r.returncode == 9 and 'undecided' in r.stdout and 'did not reply' in r.stdout, 'no reply: exit 9', r.all)
    r = lab.query(f'@127.0.0.1:{PORT}', *anchor, 'www.example.', '+time=0.2', '+tries=1')
    ok(r.returncode == 1 and 'not even the zone of the trust anchor' in r.stdout, 'a server that invents zones', r.all)


def other_servers(lab):
    """A server that serves zones and resolves nothing."""
    port = re.search(r'^upstream-port (\d+)', open(os.path.join(lab.run, 'state')).read(), re.M).group(1)
    servers = json.loads(lab.banyan('lab', 'list', '--json').stdout)['servers']
    at = next(s['addresses'][-1] for s in servers if 'example.org.' in s['zones'])
    r = lab.query(f'@{at}', '-p', port, '--lab', 'www.example.org')
    ok(r.returncode == 9 and verdict_of(r) == 'undecided' and 'REFUSED' in r.stdout and 'a resolver is wanted' in r.stdout,
       'a server that is no resolver', r.all)


def spoiled(lab):
    """Replies with random bytes changed: no crash, and never other data that is called secure."""
    rnd = random.Random(4)

    def spoil(m):
        b = bytearray(m)
        first = 12 + len(question(m)[1])
        for _ in range(rnd.choice((0, 0, 0, 1, 1, 8)) if len(b) > first else 0):
            b[rnd.randrange(first, len(b))] = rnd.randrange(256)
        return bytes(b)

    f = Forwarder(lab.port, lambda q: q, spoil)
    wrong = []
    for name, data in (('www.example.org', '192.0.2.80'), ('x.wildcard.org', '192.0.2.151'), ('nowhere.org', ''), ('many.big.net', None)) * 6:
        r = lab.query(f.at, '--anchor', os.path.join(lab.run, 'anchor.ds'), name, '+short', '+time=1')
        if r.returncode not in (0, 1, 9) or 'Sanitizer' in r.stderr or (data is not None and r.stdout.strip() not in ('', data)):
            wrong.append(r.all)
    ok(not wrong, 'replies with changed bytes: nothing wrong is believed', '\n'.join(wrong))


def validate_forms(lab):
    r = lab.query('--lab', 'www.example.org', '+short')
    ok(r.stdout == '192.0.2.80\n' and r.returncode == 0, '+validate +short', r.all)
    r = lab.query('--lab', 'www.example.org')
    ok('RRSIG' not in r.stdout and 'secure\n' in r.stdout.splitlines(True)[0] and '\033' not in r.stdout,
       'the first line has the verdict; no signatures, no colour', r.all)
    r = lab.query('--lab', 'www.example.org', '+dnssec', '--color', 'always')
    ok('RRSIG' in r.stdout and '\033[32msecure' in r.stdout, '+dnssec shows signatures; --color always', r.all)
    j = json.loads(lab.query('--lab', 'nowhere.example.org', '--json').stdout)
    kinds = [x['kind'] for x in j['validation']['chain']]
    proof = j['validation']['chain'][-1]['proof']
    ok(kinds == ['anchor', 'zone', 'zone', 'denial'], 'the chain as JSON', kinds)
    ok([p['role'] for p in proof] == ['covers', 'wildcard-covers'] and proof[0]['of'] == 'nowhere.example.org.' and
       j['validation']['verdict'] == 'secure' and 'until' in j['validation'], 'the proof as JSON', proof)
    r = lab.query('www.example.org', '+validate', '--hints', os.path.join(lab.run, 'root.hints'))
    ok(r.returncode == 2 and '--anchor FILE' in r.stderr, 'another root without an anchor', r.all)
    r = lab.query('--lab', 'www.example.org', '+anchor=/nonexistent')
    ok(r.returncode == 2 and '/nonexistent' in r.stderr, 'an anchor that is not there', r.all)
    wrong = os.path.join(lab.tmp, 'wrong.ds')
    open(wrong, 'w').write('. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n')
    r = lab.query('--lab', 'www.example.org', '+anchor=' + wrong)
    ok(r.returncode == 1 and 'the anchor names key 20326, the zone publishes' in r.stdout and 'whoever runs this resolver' in r.stdout, 'a wrong anchor', r.all)
    for words, hint in ((('www.example.org', 'RRSIG'), 'the type that they cover'), (('example.org', 'AXFR'), 'ANY'),
                        (('example.org', 'CH'), 'class'), (('example.org', '--hex'), '--json'), (('example.org', '+opcode=NOTIFY'), 'opcode'),
                        (('example.org', '+validat3'), '+validate'), (('example.org', '+anchor'), '+anchor=root.key')):
        r = lab.query('--lab', *words)
        ok(r.returncode == 2 and hint in r.stderr and r.stdout == '', '+validate: wrong usage: ' + ' '.join(words), r.all)
    r = lab.query('--lab', 'www.alllame.org')
    ok(r.returncode == 9 and 'banyan explain' in r.stdout and verdict_of(r) == 'undecided', 'nobody answers: undecided', r.all)
    if shutil.which('faketime'):
        env = dict(lab.env, ASAN_OPTIONS='verify_asan_link_order=0')
        r = subprocess.run(['faketime', '2020-06-01', BANYAN, 'query', '--lab', 'www.example.org'], capture_output=True, text=True,
                           timeout=60, env=env)
        ok(r.returncode == 1 and 'that is probably wrong' in r.stdout and 'set the clock of this machine' in r.stdout,
           'a clock that is wrong is told of', r.stdout + r.stderr)
    r = lab.query('--help')
    ok('+[no]validate' in r.stdout and '--anchor' in r.stdout and 'Exit status' in r.stdout, '--help tells of +validate', r.all)


forms()
wire()
trouble()
usage()
the_lab = Lab()
try:
    whole(the_lab)
    validate_forms(the_lab)
    forwarders(the_lab)
    other_servers(the_lab)
    spoiled(the_lab)
    recipes(the_lab)
finally:
    the_lab.down()
print(f'1..{points}')
sys.exit(failed != 0)
