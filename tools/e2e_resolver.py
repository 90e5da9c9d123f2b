#!/usr/bin/python3
"""banyand as resolver over real sockets, among small scripted name servers on loopback: who may ask, what is
asked upstream and how, what is believed and kept, what happens when servers misbehave. Prints TAP.

    BANYAN_BUILD=build tools/e2e_resolver.py [WORD]      (only the parts whose name has WORD in it)
"""
import collections
import json
import os
import random
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
points = failed = 0
N = dns.name.from_text
T = dns.rdatatype


def find(word):
    for d in ('', 'src/app'):
        p = os.path.join(BUILD, d, word)
        if os.access(p, os.X_OK):
            return os.path.abspath(p)
    sys.exit(f'Bail out! no {word} in {BUILD}')


BANYAND, BANYAN = find('banyand'), find('banyan')
TMP = tempfile.mkdtemp(prefix='banyan-e2e-res-')
NET = f'127.{random.randrange(64, 250)}.{random.randrange(1, 250)}'


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-15:]:
            print('# ' + line)
    return good


def path(word):
    return os.path.join(TMP, word)


def until(test, seconds=8):
    end = time.time() + seconds
    while time.time() < end:
        if test():
            return True
        time.sleep(0.05)
    return test()


# --- the scripted name servers ---------------------------------------------------------------------

Seen = collections.namedtuple('Seen', 'address name type port id tcp when')


def rrset(owner, ttl, kind, *data):
    return dns.rrset.from_text(N(owner), ttl, 'IN', kind, *data)


def soa(zone, minimum=60, ttl=300):
    return rrset(zone, ttl, 'SOA', f'ns.{zone.lstrip(".")} host.{zone.lstrip(".")} 1 3600 600 86400 {minimum}')


class Zone:
    def __init__(self, origin, text, minimum=60):
        self.origin, self.data = N(origin), {}
        self.add(soa(origin, minimum))
        for line in text.strip().splitlines():
            owner, ttl, kind, data = line.split(None, 3)
            s = dns.rrset.from_text_list(N(owner, self.origin), int(ttl), 'IN', kind, [data], None, self.origin, False)
            old = self.data.get((s.name, s.rdtype))
            self.data[(s.name, s.rdtype)] = s if old is None else old
            if old is not None:
                old.update(s)
        self.names = {p for n, _ in self.data for p in above(n, self.origin)}

    def add(self, s):
        self.data[(s.name, s.rdtype)] = s

    def answer(self, r, name, kind):
        cut = next((p for p in reversed(list(above(name, self.origin)))
                    if p != self.origin and (p, T.NS) in self.data), None)
        if cut is not None:
            ns = self.data[(cut, T.NS)]
            r.authority.append(ns)
            r.additional += [self.data[(x.target, t)] for x in ns for t in (T.A, T.AAAA) if (x.target, t) in self.data]
            return
        r.flags |= dns.flags.AA
        if (name, kind) in self.data:
            r.answer.append(self.data[(name, kind)])
        elif (name, T.CNAME) in self.data:
            r.answer.append(self.data[(name, T.CNAME)])
            to = self.data[(name, T.CNAME)][0].target
            if to.is_subdomain(self.origin) and (to, kind) in self.data:
                r.answer.append(self.data[(to, kind)])
        else:
            r.authority.append(self.data[(self.origin, T.SOA)])
            if name not in self.names:
                r.set_rcode(dns.rcode.NXDOMAIN)


def above(name, origin):
    """name and its parents up to origin, nearest last"""
    while name.is_subdomain(origin):
        yield name
        if name == origin:
            return
        name = name.parent()


class World:
    """Name servers at NET.N, one port for all. A server has zones, and a hook that sees every reply first:
    hook(world, seen, query, reply) gives the reply, None for silence, or a list of raw datagrams."""

    def __init__(self):
        self.zones, self.hooks, self.seen, self.lock = {}, {}, [], threading.Lock()
        self.select, self.open, self.stop = selectors.DefaultSelector(), {}, False
        self.port = self.free_port()
        self.closed = set()

    def free_port(self):
        for _ in range(100):
            port = random.randint(20000, 30000)
            try:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(('0.0.0.0', port))
                return port
            except OSError:
                continue
        sys.exit('Bail out! no free port')

    def serve(self, n, *zones, hook=None):
        address = f'{NET}.{n}'
        self.zones[address] = list(zones)
        self.hooks[address] = hook
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        u.bind((address, self.port))
        t = socket.socket()
        t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        t.bind((address, self.port))
        t.listen(50)
        self.open[address] = (u, t)
        self.select.register(u, selectors.EVENT_READ, ('udp', address))
        self.select.register(t, selectors.EVENT_READ, ('tcp', address))

    def run(self):
        while not self.stop:
            for key, _ in self.select.select(0.1):
                kind, address = key.data
                try:
                    if kind == 'udp':
                        wire, peer = key.fileobj.recvfrom(4096)
                        self.one(address, wire, peer, False, lambda out, s=key.fileobj, p=peer: s.sendto(out, p))
                    else:
                        c, peer = key.fileobj.accept()
                        threading.Thread(target=self.stream, args=(address, c, peer), daemon=True).start()
                except OSError:
                    pass

    def stream(self, address, c, peer):
        c.settimeout(5)
        try:
            while True:
                n = struct.unpack('>H', c.recv(2, socket.MSG_WAITALL))[0]
                self.one(address, c.recv(n, socket.MSG_WAITALL), peer, True,
                         lambda out: c.sendall(struct.pack('>H', len(out)) + out))
        except (OSError, struct.error):
            c.close()

    def one(self, address, wire, peer, tcp, send):
        try:
            q = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return
        name, kind = q.question[0].name, q.question[0].rdtype
        lower = name.canonicalize()
        seen = Seen(address, lower.to_text(), T.to_text(kind), peer[1], q.id, tcp, time.time())
        with self.lock:
            self.seen.append(seen)
        r = dns.message.make_response(q)
        fits = [z for z in self.zones[address] if lower.is_subdomain(z.origin)]
        if fits:
            max(fits, key=lambda z: len(z.origin.labels)).answer(r, lower, kind)
        else:
            r.set_rcode(dns.rcode.REFUSED)
        hook = self.hooks[address]
        out = hook(self, seen, q, r) if hook else r
        for raw in [] if out is None else out if isinstance(out, list) else [out]:
            if callable(raw):
                raw()
            elif isinstance(raw, tuple):     # (seconds, reply): later
                threading.Timer(raw[0], self.later, (send, self.pack(raw[1], tcp, q))).start()
            else:
                send(self.pack(raw, tcp, q))

    @staticmethod
    def later(send, wire):
        try:
            send(wire)
        except OSError:
            pass

    @staticmethod
    def pack(r, tcp, q):
        if isinstance(r, bytes):
            return r
        wire = r.to_wire(max_size=65535)
        if not tcp and len(wire) > max(512, q.payload if q.edns >= 0 else 512):
            small = dns.message.make_response(q)
            small.flags |= dns.flags.TC | (r.flags & dns.flags.AA)
            return small.to_wire()
        return wire

    def asked(self, name=None, kind=None, n=None, since=0, tcp=None):
        with self.lock:
            return [s for s in self.seen[since:] if (name is None or s.name == N(name).to_text()) and
                    (kind is None or s.type == kind) and (n is None or s.address == f'{NET}.{n}') and
                    (tcp is None or s.tcp == tcp)]

    def mark(self):
        with self.lock:
            return len(self.seen)

    def close(self, n):
        for s in self.open[f'{NET}.{n}']:
            self.select.unregister(s)
            s.close()


def zone_of(word, more='', servers=(3,), ttl=300, **kw):
    """WORD.test with its name servers, as the parent knows them too"""
    ns = ''.join(f'@ {ttl} NS ns{n}\nns{n} {ttl} A {NET}.{n}\n' for n in servers)
    return Zone(f'{word}.test.', ns + more, **kw)


def delegation(word, servers=(3,)):
    return ''.join(f'{word} 300 NS ns{n}.{word}\nns{n}.{word} 300 A {NET}.{n}\n' for n in servers)


def by_name(table):
    """a hook that looks the name up in a table of hooks"""
    def hook(world, seen, q, r):
        f = table.get(seen.name)
        return f(world, seen, q, r) if f else r
    return hook


# --- the resolver and its clients --------------------------------------------------------------------

def ask(where, name, kind='A', source=None, timeout=12, edns=True, tcp=False, rdclass='IN', **flags):
    m = dns.message.make_query(N(name), kind, rdclass, use_edns=0 if edns else False, payload=1232)
    if flags.get('rd') is False:
        m.flags &= ~dns.flags.RD
    if flags.get('cd'):
        m.flags |= dns.flags.CD
    try:
        f = dns.query.tcp if tcp else dns.query.udp
        return f(m, where[0], port=where[1], source=source, timeout=timeout)
    except dns.exception.Timeout:
        return None


def rcode(r):
    return 'no answer' if r is None else dns.rcode.to_text(r.rcode())


def datas(r, kind='A'):
    return sorted(x.to_text() for s in (r.answer if r else []) if s.rdtype == T.from_text(kind) for x in s)


def ede(r):
    return [o.code if hasattr(o, 'code') else None for o in r.options if o.otype == 15] if r else []


class Resolver:
    count = 0

    def __init__(self, world, **options):
        Resolver.count += 1
        self.name = f'r{Resolver.count}'
        self.where = ('127.0.0.1', world.free_port())
        self.sock, self.log, self.conf = path(self.name + '.sock'), path(self.name + '.log'), path(self.name + '.yaml')
        self.world, self.options = world, options
        self.configure()
        self.start()

    def configure(self, **more):
        self.options.update(more)
        r = {'enabled': True, 'root-hints': path('hints'), 'upstream-port': self.world.port, 'query-loopback': True,
             'special-zones-except': ['test'], 'prime': True, 'ipv6': False}
        server = {'listen': [f'127.0.0.1@{self.where[1]}'], 'workers': self.options.get('workers', 2)}
        r.update({k.replace('_', '-'): v for k, v in self.options.items() if k != 'workers'})
        with open(self.conf, 'w') as f:
            json.dump({'server': server, 'control': {'socket': self.sock}, 'resolver': r}, f)

    def start(self):
        self.proc = subprocess.Popen([BANYAND, '--config', self.conf], stderr=open(self.log, 'a'))
        if not until(lambda: self.proc.poll() is not None or
                     (os.path.exists(self.sock) and self.ctl('version').returncode == 0), 20) or self.proc.poll() is not None:
            ok(False, f'{self.name} starts', open(self.log).read())

    def ctl(self, *args):
        return subprocess.run([BANYAN, 'ctl', '--socket', self.sock, *args], capture_output=True, text=True, timeout=60)

    def stats(self, part='resolver'):
        return json.loads(self.ctl('stats', '--json').stdout)[part]

    def ask(self, name, kind='A', **more):
        return ask(self.where, name, kind, **more)

    def timed(self, name, kind='A', **more):
        begin = time.time()
        r = self.ask(name, kind, **more)
        return r, time.time() - begin

    def many(self, names, timeout=10):
        """all at once, each from its own socket; [(seconds, answer)]"""
        out, begin, select = {}, time.time(), selectors.DefaultSelector()
        for i, n in enumerate(names):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(self.where)
            m = dns.message.make_query(N(n), 'A', use_edns=0, payload=1232)
            s.send(m.to_wire())
            select.register(s, selectors.EVENT_READ, i)
        while len(out) < len(names) and time.time() < begin + timeout:
            for key, _ in select.select(0.2):
                out[key.data] = (time.time() - begin, dns.message.from_wire(key.fileobj.recv(65535)))
        for key in list(select.get_map().values()):
            key.fileobj.close()
        return [out.get(i, (timeout, None)) for i in range(len(names))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.terminate()
        try:
            rc = self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            rc = 'did not end'
        text = open(self.log).read()
        ok(rc == 0 and 'Sanitizer' not in text and 'runtime error' not in text, f'{self.name} ends with status 0', f'{rc}\n{text}')


# --- parts ---------------------------------------------------------------------------------------------

def hook_slow(world, seen, q, r):
    return [(0.2, r)]


def hook_forged(world, seen, q, r):
    """wrong ID, wrong question, wrong source address, wrong source port, no QR; then the truth"""
    if seen.type != 'A' or seen.tcp:
        return r
    lie = dns.message.make_response(q)
    lie.flags |= dns.flags.AA
    lie.answer.append(rrset(seen.name, 300, 'A', '192.0.2.66'))
    true_id = lie.to_wire()
    wrong_id = struct.pack('>H', (q.id + 1) & 0xffff) + true_id[2:]
    other = dns.message.make_query(N('x.' + seen.name), 'A', use_edns=False)
    other.id = q.id
    wrong_q = dns.message.make_response(other)
    wrong_q.answer.append(rrset('x.' + seen.name, 300, 'A', '192.0.2.66'))
    no_qr = true_id[:2] + bytes([true_id[2] & 0x7f]) + true_id[3:]

    def from_elsewhere():
        for source in ((f'{NET}.200', world.port), (seen.address, 0)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(source)
                s.sendto(true_id, ('127.0.0.1', seen.port))
    return [from_elsewhere, wrong_id, wrong_q, no_qr, (0.1, r)]


def hook_chaos(world, seen, q, r):
    rnd = random.Random(seen.name)
    wire = bytearray(r.to_wire())
    for _ in range(rnd.randrange(1, 6)):
        what = rnd.randrange(4)
        if what == 0 and len(wire) > 14:
            del wire[rnd.randrange(12, len(wire)):]
        elif what == 1:
            wire += rnd.randbytes(rnd.randrange(1, 40))
        else:
            wire[rnd.randrange(2, len(wire))] = rnd.randrange(256)
    return [bytes(wire), (0.02, r)]


def hook_poison(world, seen, q, r):
    if seen.name == 'extra.evil.test.':
        r.additional.append(rrset('www.good.test.', 300, 'A', '192.0.2.66'))
        r.authority.append(rrset('good.test.', 300, 'NS', 'ns.evil.test.'))
        r.authority.append(rrset('test.', 300, 'NS', 'ns.evil.test.'))
        r.authority.append(rrset('.', 300, 'NS', 'ns.evil.test.'))
        r.additional.append(rrset('ns3.good.test.', 300, 'A', f'{NET}.66'))
        r.additional.append(rrset('ns.test.', 300, 'A', f'{NET}.66'))
        r.additional.append(rrset('a.root.', 300, 'A', f'{NET}.66'))
    elif seen.name == 'alias.evil.test.' and seen.type == 'A':
        r.answer[:] = [rrset('alias.evil.test.', 300, 'CNAME', 'www.good.test.'), rrset('www.good.test.', 300, 'A', '192.0.2.66')]
        r.set_rcode(0)
    elif seen.name == 'other.evil.test.':
        r.answer.append(rrset('www.good.test.', 300, 'A', '192.0.2.66'))
        r.set_rcode(0)
    elif seen.name == 'dname.evil.test.':
        r.answer[:] = [rrset('test.', 300, 'DNAME', 'evil.test.'), rrset('www.good.test.', 300, 'CNAME', 'a.evil.test.')]
        r.set_rcode(0)
    elif seen.name == 'soa.evil.test.':
        r.answer.clear()
        r.authority[:] = [soa('good.test.')]
        r.set_rcode(dns.rcode.NXDOMAIN)
    elif seen.name == 'refer.evil.test.':
        r.answer.clear()
        r.flags &= ~dns.flags.AA
        r.authority[:] = [rrset('good.test.', 300, 'NS', 'ns.evil.test.')]
        r.additional[:] = [rrset('ns.evil.test.', 300, 'A', f'{NET}.66')]
        r.set_rcode(0)
    return r


def hook_lame(world, seen, q, r):
    r = dns.message.make_response(q)
    r.set_rcode(dns.rcode.REFUSED)
    return r


def nothing(world, seen, q, r):
    return None


def build():
    w = World()
    words = {'good': (3,), 'evil': (6,), 'slow': (7,), 'dead': (8, 3), 'shut': (9, 3), 'lame': (10, 3), 'forged': (11,),
             'chaos': (12,), 'big': (13,), 'mortal': (14,), 'hang': (15,), 'alldead': (8,), 'alllame': (10,), 'once': (16,)}
    servers_of_fan = ''.join(f'fan 300 NS ns.fan{i}.test.\n' for i in range(50))
    fans = ''.join(f'fan{i} 300 NS ns.hop{i}.test.\nhop{i} 300 NS ns.jump{i}.test.\njump{i} 300 NS ns.fan{i}.test.\n' for i in range(50))
    out = ''.join(f'wide{i} 300 NS a.wide{i}\na.wide{i} 300 A {NET}.8\n' for i in range(50))
    wide = ''.join(f'wide 300 NS ns.wide{i}.test.\n' for i in range(50))
    w.serve(1, Zone('.', f'@ 300 NS a.root.\na.root. 300 A {NET}.1\ntest. 300 NS ns.test.\nns.test. 300 A {NET}.2\n'))
    w.serve(2, Zone('test.', f'@ 300 NS ns\nns 300 A {NET}.2\n' + servers_of_fan + fans + out + wide +
                    ''.join(delegation(k, v) for k, v in words.items())))
    good = 'www 300 A 192.0.2.1\nshort 4 A 192.0.2.2\nzero 0 A 192.0.2.3\nalias 300 CNAME www\nloop 300 CNAME loop2\nloop2 300 CNAME loop\n' \
           'text 300 TXT "x"\n' + ''.join(f'l{i} 300 CNAME l{i + 1}\n' for i in range(30)) + \
           ''.join(f'a{i} 300 A 192.0.2.{i % 250}\n' for i in range(600))
    w.serve(3, zone_of('good', good, minimum=2), zone_of('dead', 'www 300 A 192.0.2.1\n', (8, 3)),
            zone_of('shut', 'www 300 A 192.0.2.1\n', (9, 3)),
            zone_of('lame', ''.join(f'a{i} 300 A 192.0.2.1\n' for i in range(20)), (10, 3)))
    w.serve(6, zone_of('evil', ''.join(f'{n} 300 A 192.0.2.6\n' for n in ('extra', 'www', 'a')), (6,)), hook=hook_poison)
    w.serve(7, zone_of('slow', 'www 300 A 192.0.2.7\n' + ''.join(f'a{i} 300 A 192.0.2.7\n' for i in range(50)), (7,)), hook=hook_slow)
    w.serve(8, hook=nothing)
    w.serve(10, hook=hook_lame)
    w.serve(11, zone_of('forged', ''.join(f'a{i} 300 A 192.0.2.11\n' for i in range(20)), (11,)), hook=hook_forged)
    w.serve(12, zone_of('chaos', ''.join(f'a{i} 300 A 192.0.2.12\n' for i in range(400)), (12,)), hook=hook_chaos)
    big = ''.join(f'b{n} 300 TXT "{i:04d}{"x" * 100}"\n' for n, k in ((20, 20), (500, 500)) for i in range(k)) + \
        ''.join(f'toomany 300 A 10.1.{i // 250}.{i % 250}\n' for i in range(900)) + \
        ''.join(f'fine 300 A 10.1.{i // 250}.{i % 250}\n' for i in range(400))
    w.serve(13, zone_of('big', big, (13,)))
    w.serve(14, zone_of('mortal', 'www 300 A 192.0.2.14\nshort 1 A 192.0.2.14\n', (14,)))
    w.serve(15, zone_of('hang', '', (15,)), hook=lambda w, s, q, r: r if s.name == 'hang.test.' else None)
    w.serve(66, Zone('.', '@ 300 A 192.0.2.66\n'), hook=hook_lame)
    with open(path('hints'), 'w') as f:
        f.write(f'. 3600 NS a.root.\na.root. 3600 A {NET}.1\n')
    threading.Thread(target=w.run, daemon=True).start()
    return w


def part_basics(w):
    with Resolver(w, allow=['127.0.0.1/32', '127.0.0.3/32']) as s:
        r = s.ask('www.good.test')
        ok(rcode(r) == 'NOERROR' and datas(r) == ['192.0.2.1'], 'a name is resolved', r)
        ok(r and r.flags & dns.flags.RA and not r.flags & dns.flags.AA and not r.flags & dns.flags.AD, 'RA, no AA, no AD', r)
        r = s.ask('WwW.gOOd.TEST')
        ok(r and r.question[0].name.labels[0] == b'WwW', 'the letters of the question come back as they were')
        r = s.ask('www.good.test', source='127.0.0.9')
        ok(rcode(r) == 'REFUSED' and ede(r) == [18] and not r.answer, 'a stranger is refused with EDE 18', r)
        r = s.ask('new.good.test', source='127.0.0.9', edns=False)
        ok(rcode(r) == 'REFUSED' and r.edns < 0 and not w.asked('new.good.test'), 'and nothing is asked upstream for him', r)
        r = s.ask('www.good.test', source='127.0.0.9', tcp=True)
        ok(rcode(r) == 'REFUSED', 'over TCP too', r)
        ok(rcode(s.ask('www.good.test', source='127.0.0.3')) == 'NOERROR', 'the allowed address may ask')
        mark = w.mark()
        r = s.ask('www.good.test')
        ok(rcode(r) == 'NOERROR' and w.mark() == mark, 'the second time out of the cache')
        r = s.ask('a7.good.test', rd=False)
        ok(w.mark() == mark and r is not None and not r.answer, 'RD=0 asks nobody', r)
        r = s.ask('alias.good.test')
        ok(datas(r) == ['192.0.2.1'] and datas(r, 'CNAME') == ['www.good.test.'], 'an alias', r)
        r = s.ask('a1.good.test', tcp=True)
        ok(datas(r) == ['192.0.2.1'], 'a client over TCP', r)
        for _ in range(2):
            r = s.ask('loop.good.test', 'ANY')
            ok(rcode(r) == 'NOERROR' and datas(r, 'CNAME') == ['loop2.good.test.'], 'ANY is answered with the alias, wherever it leads', r)
            r = s.ask('loop.good.test', cd=True)
            ok(rcode(r) == 'SERVFAIL' and r.flags & dns.flags.CD, 'CD comes back in an error too (RFC 4035 section 3.2.2)', r)
        r = s.ask('nothing.slow.test', cd=True, rd=False)
        ok(rcode(r) == 'REFUSED' and r.flags & dns.flags.CD, 'and when refused', r)
        st = s.stats()
        ok(st['refused'] == 3 and st['cache_hits'] > 0 and st['queries'] > 10, 'counters', st)


def part_coalesce(w):
    with Resolver(w) as s:
        s.ask('a0.slow.test')
        mark = w.mark()
        got = s.many(['www.slow.test'] * 100)
        ok(all(datas(r) == ['192.0.2.7'] for _, r in got), 'a hundred equal questions are all answered',
           collections.Counter(rcode(r) for _, r in got))
        asked = w.asked('www.slow.test', since=mark)
        ok(0 < len(asked) <= 2, f'and each of the two workers asks upstream once at most ({len(asked)})', asked)
        mark = w.mark()
        got = s.many([f'a{i % 5}.slow.test' for i in range(1, 201)])
        ok(all(datas(r) == ['192.0.2.7'] for _, r in got), 'two hundred clients, five questions: all answered')
        n = len([x for x in w.asked(n=7, since=mark) if x.type == 'A' and x.name[0] == 'a'])
        ok(n <= 8, f'{n} asked upstream')
        ids = {r.id for _, r in got if r}
        ok(len(ids) > 90, 'each client gets its own ID back')


def part_random(w):
    with Resolver(w) as s:
        s.ask('www.good.test')
        mark = w.mark()
        for k in range(0, 600, 60):
            got = s.many([f'a{i}.good.test' for i in range(k, k + 60)])
            if not all(rcode(r) == 'NOERROR' for _, r in got):
                ok(False, 'all answered', collections.Counter(rcode(r) for _, r in got))
        seen = [x for x in w.asked(n=3, since=mark) if x.type == 'A']
        ports, ids = [x.port for x in seen], [x.id for x in seen]
        ok(len(seen) >= 600, f'{len(seen)} questions upstream')
        ok(len(set(ids)) > 0.97 * len(ids), f'{len(set(ids))} different IDs')
        ok(len(set(ports)) >= len(ports) / 32, f'{len(set(ports))} different source ports')
        most = collections.Counter(ports).most_common(1)[0][1]
        ok(most <= 32, f'a port is used {most} times at most')
        for what, values, low in (('IDs', ids, 0), ('source ports', sorted(set(ports)), 1024)):
            bins = collections.Counter((v - low) * 16 // (65536 - low) for v in values)
            mean = len(values) / 16
            chi = sum((bins[b] - mean) ** 2 / mean for b in range(16))
            ok(chi < 60, f'{what} are spread over the whole range (chi-square {chi:.0f} of 15)', bins)
        order = sum(1 for a, b in zip(ports, ports[1:]) if b == a + 1) + sum(1 for a, b in zip(ids, ids[1:]) if b == a + 1)
        ok(order < 5, 'and do not count up')


def part_forward(w):
    """One banyand asks another, which resolves only for questions with RD."""
    with Resolver(w) as far:
        to = [f'127.0.0.1@{far.where[1]}']
        with Resolver(w, forward_zones=[{'zone': '.', 'servers': to}]) as near:
            a = near.ask('www.good.test')
            ok(rcode(a) == 'NOERROR' and datas(a), 'a forwarder resolves for us', a)
            ok(rcode(near.ask('nothing.good.test')) == 'NXDOMAIN', 'and denies')
            st = near.stats()
            ok(st['upstream_udp'] == 2 and not st['upstream_tcp'], 'one question to it for each', st)
        with Resolver(w, forward_zones=[{'zone': 'good.test', 'servers': ['127.0.0.1@1']}]) as near:
            ok(rcode(near.ask('www.good.test')) == 'SERVFAIL', 'one that is not there fails its zone')
            near.configure(forward_zones=[{'zone': 'good.test', 'servers': ['127.0.0.1@1'], 'fallback': True}])
            r = near.ctl('reload')
            ok(r.returncode == 0 and rcode(near.ask('mail.good.test')) != 'SERVFAIL', 'with fallback its own servers are asked',
               r.stdout + r.stderr)


def part_forged(w):
    with Resolver(w) as s:
        got = [s.ask(f'a{i}.forged.test') for i in range(6)]
        ok(all(datas(r) == ['192.0.2.11'] for r in got), 'answers with wrong ID, question, source or QR are not believed',
           [(rcode(r), datas(r)) for r in got])
        got = s.many([f'a{i}.chaos.test' for i in range(200)], 12)
        lost = [i for i, (_, r) in enumerate(got) if r is None]
        ok(not lost, 'damaged replies: every client gets an answer', lost)
        ok(s.proc.poll() is None and rcode(s.ask('www.good.test')) == 'NOERROR', 'and the resolver goes on')


def part_poison(w):
    for n in ('extra', 'alias', 'other', 'dname', 'soa', 'refer'):
        with Resolver(w, workers=1) as s:
            mark = w.mark()
            r1 = s.ask(f'{n}.evil.test')
            r = s.ask('www.good.test')
            ok(datas(r) == ['192.0.2.1'], f'{n}.evil.test teaches nothing about good.test', f'{r1}\n{r}')
            if n == 'alias':
                ok(datas(r1) == ['192.0.2.1'], 'the target of an alias is asked of its own servers', r1)
            ok(datas(s.ask('a1.good.test')) == ['192.0.2.1'] and not w.asked(n=66, since=mark), 'nor about its servers')


def part_bad_servers(w):
    with Resolver(w) as s:
        for word, what in (('dead', 'a dead server'), ('shut', 'a closed port')):
            slow = 0
            for _ in range(4):
                s.ctl('flush', '--all')
                r, t = s.timed(f'www.{word}.test')
                ok(datas(r) == ['192.0.2.1'], f'{what} beside a good one', r)
                slow = max(slow, t)
            ok(slow < 1.5, f'{what}: answered within {slow:.2f} s')
        got = [s.timed(f'a{i}.lame.test') for i in range(10)]
        ok(all(datas(r) == ['192.0.2.1'] and t < 1 for r, t in got), 'a lame server beside a good one', got)
        ok(len(w.asked(n=10)) <= 8, 'the lame one is left alone after a while', len(w.asked(n=10)))
        r, t = s.timed('www.alldead.test')
        ok(rcode(r) == 'SERVFAIL' and ede(r) and t < 9.5, f'all dead: SERVFAIL after {t:.1f} s with EDE {ede(r)}', r)
        mark = w.mark()
        r, t = s.timed('www.alldead.test')
        ok(rcode(r) == 'SERVFAIL' and t < 0.3 and w.mark() == mark, 'the failure is remembered (RFC 9520)', (t, r))
        r, t = s.timed('www.alllame.test')
        ok(rcode(r) == 'SERVFAIL' and ede(r) and t < 2, f'all lame: SERVFAIL after {t:.1f} s with EDE {ede(r)}', r)


def part_attacks(w):
    with Resolver(w, workers=1) as s:
        for name in ('loop.good.test', 'l0.good.test'):
            r, t = s.timed(name)
            ok(rcode(r) == 'SERVFAIL' and ede(r) and t < 1.5, f'{name}: SERVFAIL with EDE {ede(r)} in {t:.2f} s', r)
        for word in ('fan', 'wide'):
            mark = w.mark()
            r, t = s.timed(f'www.{word}.test')
            n = w.mark() - mark
            ok(rcode(r) == 'SERVFAIL' and n <= 100 and t < 10, f'{word}: 50 name servers elsewhere cost {n} packets, {t:.1f} s', r)
            if word == 'wide':
                continue
            mark = w.mark()
            s.many([f'w{i}.{word}.test' for i in range(10)], 12)
            n = w.mark() - mark
            ok(n <= 400, f'{word}: ten more questions cost {n} packets')
        begin = time.time()
        r = s.ask('b20.big.test', 'TXT')
        ok(r and r.flags & dns.flags.TC, 'what does not fit is truncated', r)
        ok(w.asked('b20.big.test', 'TXT', tcp=True), 'a truncated reply is asked for again over TCP')
        r = s.ask('b20.big.test', 'TXT', tcp=True)
        ok(len(datas(r, 'TXT')) == 20, 'and is whole over TCP')
        r = s.ask('b500.big.test', 'TXT', tcp=True)
        ok(len(datas(r, 'TXT')) == 500, 'an answer of 56 KB', rcode(r))
        r = s.ask('fine.big.test', tcp=True)
        ok(len(datas(r)) == 400, '400 addresses', rcode(r))
        r = s.ask('toomany.big.test', tcp=True)
        ok(rcode(r) == 'SERVFAIL', 'an RRset past the limit is refused', rcode(r))
        ok(time.time() - begin < 8, 'without waiting')


def part_cache(w):
    with Resolver(w) as s:
        first = s.ask('short.good.test').answer[0].ttl
        r = s.ask('nowhere.good.test')
        ok(rcode(r) == 'NXDOMAIN' and r.authority and r.authority[0].rdtype == T.SOA and r.authority[0].ttl <= 2,
           'NXDOMAIN comes with the SOA, its TTL the minimum of both', r)
        r = s.ask('www.good.test', 'MX')
        ok(rcode(r) == 'NOERROR' and not r.answer and r.authority, 'NODATA comes with the SOA', r)
        mark = w.mark()
        ok(rcode(s.ask('nowhere.good.test')) == 'NXDOMAIN' and w.mark() == mark, 'both are remembered')
        s.ask('zero.good.test'), s.ask('zero.good.test')
        ok(len(w.asked('zero.good.test', 'A', since=mark)) == 2, 'TTL 0 is not kept')
        s.ask('www.mortal.test'), s.ask('short.mortal.test')
        time.sleep(2.2)
        second = s.ask('short.good.test').answer[0].ttl
        ok(first == 4 and second in (1, 2), f'the TTL counts down: {first}, {second}')
        mark = w.mark()
        ok(rcode(s.ask('nowhere.good.test')) == 'NXDOMAIN' and w.mark() > mark, 'a negative answer ends with its TTL')
        time.sleep(2)
        mark = w.mark()
        ok(s.ask('short.good.test').answer[0].ttl == 4 and w.mark() > mark, 'so does an answer')
        w.close(14)
        ok(datas(s.ask('www.mortal.test')) == ['192.0.2.14'], 'the cache answers when the server has died')
        r = s.ask('short.mortal.test')
        ok(rcode(r) == 'SERVFAIL', 'what has run out is not given out', r)
        hits = s.stats('cache')
        s.ask('www.good.test'), s.ask('www.good.test')
        more = s.stats('cache')
        ok(more['hits'] > hits['hits'], 'hits are counted', (hits, more))
        s.configure(max_clients=500)
        r = s.ctl('reload')
        mark = w.mark()
        ok(r.returncode == 0 and datas(s.ask('www.mortal.test')) == ['192.0.2.14'] and w.mark() == mark, 'a reload keeps the cache', r)
        flushing(w, s)
        os.kill(s.proc.pid, signal.SIGKILL)
        s.proc.wait()
        s.start()
        ok(datas(s.ask('www.good.test')) == ['192.0.2.1'], 'after kill -9 it starts and resolves again')


def flushing(w, s):
    def fetched(*names):
        mark = w.mark()
        for n in names:
            s.ask(n)
        return [n for n in names if w.asked(n, 'A', since=mark)]

    names = ('www.good.test', 'a1.good.test', 'www.evil.test')
    fetched(*names)
    ok(fetched(*names) == [], 'three names in the cache')
    ok(s.ctl('flush', 'www.good.test').returncode == 0 and fetched(*names) == ['www.good.test'], 'flush NAME')
    ok(s.ctl('flush', 'a1.good.test', 'MX').returncode == 0 and fetched(*names) == [], 'flush NAME of another type')
    ok(s.ctl('flush', 'a1.good.test', 'A').returncode == 0 and fetched(*names) == ['a1.good.test'], 'flush NAME TYPE')
    ok(s.ctl('flush', '--below', 'good.test').returncode == 0 and fetched(*names) == list(names[:2]), 'flush --below NAME')
    ok(s.ctl('flush', '--all').returncode == 0 and fetched(*names) == list(names), 'flush --all')
    ok(s.ctl('flush').returncode != 0 and s.ctl('flush', 'a..b').returncode != 0, 'flush without or with a bad name is an error')


def part_tools(w):
    def banyan(*args):
        return subprocess.run([BANYAN, *args], capture_output=True, text=True, timeout=60)

    with Resolver(w) as s:
        own = ('--hints', path('hints'), '--port', str(w.port), '--no-ipv6')
        r = banyan('trace', 'www.good.test', *own)
        ok(r.returncode == 0 and '192.0.2.1' in r.stdout and f'{NET}.3' in r.stdout, 'trace by itself', r.stdout + r.stderr)
        r = banyan('trace', f'@{s.sock}', 'www.good.test')
        ok(r.returncode == 0 and f'{NET}.1' in r.stdout, 'trace in the resolver, cold', r.stdout + r.stderr)
        r = banyan('trace', f'@{s.sock}', 'www.good.test')
        ok(r.returncode == 0 and f'{NET}.1' not in r.stdout and 'cache' in r.stdout, 'trace in the resolver, warm', r.stdout + r.stderr)
        mark, before = w.mark(), s.stats('cache')['entries']
        r = banyan('trace', f'@{s.sock}', '--cold', 'www.slow.test')
        ok(r.returncode == 0 and w.asked('www.slow.test', since=mark), 'trace --cold asks', r.stdout + r.stderr)
        ok(s.stats('cache')['entries'] == before, 'and leaves the cache unchanged', (before, s.stats('cache')['entries']))
        r = banyan('trace', f'@{s.sock}', '--json', 'a1.good.test')
        ok(r.returncode == 0 and isinstance(json.loads(r.stdout), dict), 'trace --json', r.stdout + r.stderr)
        r = banyan('trace', f'@{s.sock}', '--mermaid', 'a2.good.test')
        ok(r.returncode == 0 and r.stdout.startswith('sequenceDiagram'), 'trace --mermaid', r.stdout + r.stderr)
        for name, words in (('www.alllame.test', ('alllame.test', 'lame')), ('www.alldead.test', (f'{NET}.8',)),
                            ('loop.good.test', ('circle',)), ('nowhere.good.test', ('does not exist',)),
                            ('www.good.test', ('192.0.2.1',))):
            r = banyan('explain', f'@{s.sock}', name)
            ok(all(x in r.stdout for x in words), f'explain {name}', r.stdout + r.stderr)
            ok(r.returncode in (0, 1) and not r.stderr, f'its exit status {r.returncode}', r.stderr)
        r = banyan('trace', '@/nonexistent/socket', 'www.good.test')
        ok(r.returncode != 0 and r.stderr.count('\n') <= 2, 'no such resolver: a short error', r.stderr)
        r = banyan('trace', f'@{s.sock}', 'a..b')
        ok(r.returncode != 0, 'a bad name is an error', r.stdout)


def part_overload(w):
    with Resolver(w, max_clients=50, workers=2) as s:
        s.ask('www.good.test')
        got = s.many([f'h{i}.hang.test' for i in range(300)], 11)
        fast = [r for t, r in got if r and t < 1]
        ok(len(fast) >= 200 and all(rcode(r) == 'SERVFAIL' for r in fast), f'past max-clients: {len(fast)} SERVFAILs at once')
        ok(all(r is not None for _, r in got), 'nobody is left without an answer', sum(r is None for _, r in got))
        r, t = s.timed('a5.good.test')
        ok(datas(r) == ['192.0.2.5'] and t < 1, 'then it resolves as before', r)


def main():
    w = build()
    try:
        for n, f in list(globals().items()):
            if n.startswith('part_') and (len(sys.argv) < 2 or sys.argv[1] in n):
                begin = time.time()
                f(w)
                print(f'# {n}: {time.time() - begin:.1f} s', flush=True)
    finally:
        w.stop = True
        shutil.rmtree(TMP, ignore_errors=True)
    print(f'1..{points}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
