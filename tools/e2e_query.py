#!/usr/bin/env python3
"""banyan query against a small server that lies, keeps silent and truncates. Prints TAP.

    BANYAN_BUILD=build tools/e2e_query.py
"""
import json
import os
import socket
import struct
import subprocess
import sys
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


forms()
wire()
trouble()
usage()
print(f'1..{points}')
sys.exit(failed != 0)
