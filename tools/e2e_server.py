#!/usr/bin/python3
"""banyand over real sockets on loopback: UDP, TCP, reloads under load, mistakes, restarts, privileges, control.
Prints TAP.

    BANYAN_BUILD=build tools/e2e_server.py [WORD]      (only the parts whose name has WORD in it)
"""
import json
import os
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
points = failed = 0


def find(name):
    for d in ('', 'src/app'):
        p = os.path.join(BUILD, d, name)
        if os.access(p, os.X_OK):
            return os.path.abspath(p)
    sys.exit(f'Bail out! no {name} in {BUILD}')


BANYAND, BANYAN = find('banyand'), find('banyan')
TMP = tempfile.mkdtemp(prefix='banyan-e2e-')
os.chmod(TMP, 0o755)


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-15:]:
            print('# ' + line)
    return good


def path(name):
    return os.path.join(TMP, name)


def write(name, text):
    with open(path(name) + '.new', 'w') as f:
        f.write(text)
    os.rename(path(name) + '.new', path(name))
    return path(name)


def zone(serial=1, extra=''):
    return (f'$TTL 300\n@ SOA ns hostmaster {serial} 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n'
            f'www A 192.0.2.{serial % 250 + 1}\n{extra}')


def free_port():
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


def query(name, qtype=1, ident=None, rd=0, qclass=1):
    ident = random.randrange(65536) if ident is None else ident
    out = struct.pack('>6H', ident, rd << 8, 1, 0, 0, 0)
    for label in name.rstrip('.').split('.') if name.rstrip('.') else []:
        out += bytes([len(label)]) + label.encode()
    return out + b'\0' + struct.pack('>2H', qtype, qclass)


class Answer:
    def __init__(self, wire):
        self.wire = wire
        self.id, flags, _, self.an, self.ns, self.ar = struct.unpack('>6H', wire[:12])
        self.rcode, self.tc, self.aa = flags & 15, bool(flags & 0x200), bool(flags & 0x400)

    def a(self):
        """the last four bytes of the first A record's end: enough for answers with one address"""
        return '.'.join(str(b) for b in self.wire[self.wire.rfind(b'\x00\x04') + 2:][:4])


def udp(where, wire, timeout=3.0):
    family = socket.AF_INET6 if ':' in where[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect(where)          # connected: an answer from another address is not received
        s.send(wire)
        try:
            return Answer(s.recv(65535))
        except (TimeoutError, ConnectionError):
            return None


def tcp_open(where, timeout=3.0):
    return socket.create_connection(where, timeout=timeout)


def frame(wire):
    return struct.pack('>H', len(wire)) + wire


def read_exact(s, n):
    out = b''
    while len(out) < n:
        got = s.recv(n - len(out))
        if not got:
            raise EOFError
        out += got
    return out


def tcp_read(s):
    return Answer(read_exact(s, struct.unpack('>H', read_exact(s, 2))[0]))


class Server:
    """A banyand with a configuration file (a dict becomes one, JSON is YAML)."""
    count = 0

    def __init__(self, config, start=True, env=None, wrap=(), wait=True):
        Server.count += 1
        self.name = f's{Server.count}'
        self.port = free_port()
        self.sock = path(self.name + '.sock')
        self.log = path(self.name + '.log')
        self.env = dict(os.environ, **(env or {}))
        self.wrap = list(wrap)
        self.proc = None
        self.configure(config)
        if start:
            self.start(wait)

    def configure(self, config):
        c = json.loads(json.dumps(config))
        c.setdefault('server', {}).setdefault('listen', [f'127.0.0.1@{self.port}'])
        c['server'].setdefault('workers', 2)
        c.setdefault('control', {}).setdefault('socket', self.sock)
        write(self.name + '.yaml', json.dumps(c, indent=1).replace('PORT', str(self.port)))

    def start(self, wait=True):
        self.proc = subprocess.Popen(self.wrap + [BANYAND, '--config', path(self.name + '.yaml')],
                                     stderr=open(self.log, 'a'), env=self.env)
        if wait:
            self.ready()

    def ready(self, seconds=20):
        end = time.time() + seconds
        while time.time() < end and self.proc.poll() is None:
            if os.path.exists(self.sock) and self.ctl('version').returncode == 0:
                return
            time.sleep(0.03)
        ok(False, f'{self.name} starts', self.text())

    def text(self):
        with open(self.log) as f:
            return f.read()

    def ctl(self, *args):
        return subprocess.run([BANYAN, 'ctl', '--socket', self.sock, *args], capture_output=True, text=True,
                              timeout=60)

    def ask(self, name, qtype=1, host='127.0.0.1', **more):
        return udp((host, self.port), query(name, qtype, **more))

    def stop(self, sig=signal.SIGTERM):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            rc = self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            rc = 'did not end'
        return rc

    def __enter__(self):
        return self

    def __exit__(self, *_):
        rc = self.stop()
        text = self.text()
        ok(rc == 0 and 'Sanitizer' not in text and 'runtime error' not in text, f'{self.name} ends with status 0',
           f'{rc}\n{text}')


def until(test, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        if test():
            return True
        time.sleep(0.05)
    return test()


def zones(*names):
    return [{'name': n, 'file': path(n + '.zone')} for n in names]


def run_daemon(*args, timeout=20):
    r = subprocess.run([BANYAND, *args], capture_output=True, text=True, timeout=timeout)
    return r.returncode, r.stderr


# --- parts ----------------------------------------------------------------------------------------

def part_answers():
    write('example.org.zone', zone(1, ''.join(f'big TXT "{i:03d}{"x" * 200}"\n' for i in range(40))))
    with Server({'zones': zones('example.org')}) as s:
        a = s.ask('www.example.org')
        ok(a and a.rcode == 0 and a.aa and a.a() == '192.0.2.2', 'an answer over UDP')
        ok(s.ask('nx.example.org').rcode == 3, 'NXDOMAIN over UDP')
        ok(s.ask('www.other.test').rcode == 5, 'names of others are refused')
        ok(s.ask('big.example.org', 16).tc, 'what does not fit is truncated')
        with tcp_open(('127.0.0.1', s.port)) as c:
            c.sendall(frame(query('big.example.org', 16)))
            ok(tcp_read(c).an == 40, 'and whole over TCP')
        junk = random.Random(7)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            for _ in range(500):
                u.sendto(junk.randbytes(junk.randrange(0, 600)), ('127.0.0.1', s.port))
            u.sendto(b'\0' * 9000, ('127.0.0.1', s.port))
        for _ in range(20):
            with tcp_open(('127.0.0.1', s.port)) as c:
                try:
                    c.sendall(junk.randbytes(300))
                except OSError:
                    pass
        ok(s.ask('www.example.org').rcode == 0, 'it answers on after random bytes')
        several = [udp(('127.0.0.1', s.port), query('www.example.org')) for _ in range(200)]
        ok(all(a and a.rcode == 0 for a in several), 'workers share the queries')


def part_wildcard():
    write('example.org.zone', zone())
    six = os.path.exists('/proc/net/if_inet6') and '00000000000000000000000000000001' in open('/proc/net/if_inet6').read()
    listen = ['0.0.0.0@PORT'] + (['::@PORT'] if six else [])
    with Server({'server': {'listen': listen}, 'zones': zones('example.org')}) as s:
        for host in ('127.0.0.1', '127.0.0.77', '127.9.8.7') + (('::1',) if six else ()):
            ok(s.ask('www.example.org', host=host), f'asked at {host}, answered from there')
        with tcp_open(('127.0.0.78', s.port)) as c:
            c.sendall(frame(query('www.example.org')))
            ok(tcp_read(c).rcode == 0, 'TCP on a wildcard listener')


def keepalive(where, **more):
    """The idle time that a server tells over TCP, in tenths of a second (RFC 7828); None: it tells none."""
    wire = query('www.example.org', **more)
    wire = wire[:10] + b'\0\1' + wire[12:] + b'\0' + struct.pack('>HHIHHH', 41, 1232, 0, 4, 11, 0)
    with tcp_open(where) as c:
        c.sendall(frame(wire))
        answer = tcp_read(c).wire
    at = answer.find(b'\0\x0b\0\2')
    return None if at < 0 else struct.unpack('>H', answer[at + 4:at + 6])[0]


def part_pinned():
    """server.pin-workers and server.busy-poll-us: each worker on a processor, where the queries come in."""
    write('example.org.zone', zone())
    cpus = sorted(os.sched_getaffinity(0))[:2]

    def allowed(tid):
        return sorted(os.sched_getaffinity(tid))

    def ran(tid):
        with open(f'/proc/{tid}/schedstat') as f:
            return int(f.read().split()[2])
    config = {'server': {'workers': len(cpus), 'pin-workers': 'yes', 'busy-poll-us': 200}, 'zones': zones('example.org')}
    with Server(config) as s:
        tids = [int(t) for t in os.listdir(f'/proc/{s.proc.pid}/task')]
        workers = {allowed(t)[0]: t for t in tids if len(allowed(t)) == 1}
        ok(len(cpus) < 2 or sorted(workers) == cpus, 'each worker stays on a processor of its own', workers)
        mine = os.sched_getaffinity(0)
        try:
            for cpu in cpus if len(cpus) == 2 and len(workers) == 2 else []:
                os.sched_setaffinity(0, {cpu})
                before = {c: ran(t) for c, t in workers.items()}
                good = sum(s.ask('www.example.org') is not None for _ in range(100))
                turns = {c: ran(t) - before[c] for c, t in workers.items()}
                other = cpus[0] + cpus[1] - cpu
                ok(good == 100 and turns[cpu] > 50 > turns[other], f'what processor {cpu} receives is answered there', turns)
        finally:
            os.sched_setaffinity(0, mine)
        with tcp_open(('127.0.0.1', s.port)) as c:
            c.sendall(frame(query('www.example.org')))
            ok(tcp_read(c).rcode == 0, 'and over TCP')


def part_tcp():
    write('example.org.zone', zone(1, ''.join(f'big TXT "{i:03d}{"x" * 200}"\n' for i in range(150))))
    limits = {'idle': '700ms', 'pipeline': 10, 'send-timeout': '800ms', 'max-per-client': 20}
    with Server({'server': {'workers': 1}, 'tcp': limits, 'zones': zones('example.org')}) as s:
        where = ('127.0.0.1', s.port)
        ok(keepalive(where) == 7, 'the idle time is told')
        with tcp_open(where) as c:
            c.sendall(b''.join(frame(query('www.example.org', ident=i)) for i in range(100)))
            ids = [tcp_read(c).id for i in range(100)]
            ok(sorted(ids) == list(range(100)), 'a hundred pipelined queries, a hundred answers')
            wire = frame(query('www.example.org', ident=4711))
            for i in range(len(wire)):
                c.sendall(wire[i:i + 1])
                time.sleep(0.002)
            ok(tcp_read(c).id == 4711, 'a query that comes byte by byte')
            c.sendall(frame(query('www.example.org', ident=1)))
            c.shutdown(socket.SHUT_WR)
            ok(tcp_read(c).id == 1 and c.recv(1) == b'', 'a half-closed connection is answered, then closed')
        with tcp_open(where) as c:
            start = time.time()
            ok(c.recv(1) == b'' and 0.5 < time.time() - start < 2.5, 'an idle connection is closed in time')
        with tcp_open(where) as c:
            start = time.time()
            for _ in range(8):
                c.sendall(frame(query('www.example.org')))
                tcp_read(c)
                time.sleep(0.25)
            ok(time.time() - start > 1.5, 'one in use is not')
        with tcp_open(where) as c:
            start = time.time()
            try:
                for b in frame(query('www.example.org')):
                    c.sendall(bytes([b]))
                    time.sleep(0.1)
                gone = c.recv(1) == b''
            except OSError:
                gone = True
            ok(gone and time.time() - start < 4, 'a query that trickles in does not hold a connection')
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(where)
        slow.settimeout(0.2)
        sent, end = 0, time.time() + 1.5
        try:
            while time.time() < end:
                try:
                    sent += slow.send(frame(query('big.example.org', 16)) * 20)
                except TimeoutError:
                    pass
        except OSError:
            pass
        ok(until(lambda: json.loads(s.ctl('stats', '--json').stdout)['transport']['tcp_slow_closed'] == 1, 5),
           'a client that does not read is dropped', s.ctl('stats').stdout)
        slow.close()
        with tcp_open(where) as c:
            c.sendall(b'\0\x05hello')
            ok(c.recv(1) == b'', 'a stream that is no DNS is closed')
        many = [tcp_open(where) for _ in range(20)]
        for c in many:
            c.sendall(b'\0')         # before that the kernel keeps them from us
        with tcp_open(where) as c:
            try:
                c.sendall(frame(query('www.example.org')))
                refused = c.recv(1) == b''
            except OSError:
                refused = True
            ok(refused, 'too many connections of one client are refused')
        for c in many:
            c.close()
        ok(until(lambda: json.loads(s.ctl('stats', '--json').stdout)['transport']['tcp_open'] == 0), 'and all are counted out again')


def part_tcp_total():
    write('example.org.zone', zone())
    with Server({'server': {'workers': 1}, 'tcp': {'max-connections': 10}, 'zones': zones('example.org')}) as s:
        where = ('127.0.0.1', s.port)
        conns = []
        for _ in range(25):
            c = tcp_open(where)
            c.sendall(frame(query('www.example.org')))
            tcp_read(c)
            conns.append(c)
        ok(True, 'when all connections are taken, the one idle longest makes room')
        conns[0].settimeout(2)
        ok(conns[0].recv(1) == b'', 'it was closed')
        conns[-1].sendall(frame(query('www.example.org')))
        ok(tcp_read(conns[-1]).rcode == 0, 'the newest goes on')
        for c in conns:
            c.close()


def part_tcp_stalled():
    """Clients that do not read cannot keep others out."""
    write('example.org.zone', zone(1, ''.join(f'big TXT "{i:03d}{"x" * 200}"\n' for i in range(150))))
    limits = {'max-connections': 80, 'send-timeout': '60s', 'idle': '60s'}
    with Server({'server': {'workers': 1}, 'tcp': limits, 'zones': zones('example.org')}) as s:
        where = ('127.0.0.1', s.port)
        wire = frame(query('big.example.org', 16)) * 20
        stalled = []
        for _ in range(80):
            c = socket.socket()
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.connect(where)
            c.settimeout(0.05)
            stalled.append(c)
            try:
                for _ in range(200):
                    c.sendall(wire)
            except OSError:
                pass
        time.sleep(1.5)
        with tcp_open(where) as c:
            try:
                c.sendall(frame(query('www.example.org')))
                good = tcp_read(c).rcode == 0
            except (OSError, EOFError, AttributeError, struct.error):
                good = False
            ok(good, 'when all connections are stalled, one of them makes room')
        for c in stalled:
            c.close()


class Load(threading.Thread):
    """Asks on and on; every query must be answered."""

    def __init__(self, where, name='www.example.org'):
        super().__init__(daemon=True)
        self.where, self.name_asked = where, name
        self.lost, self.n, self.seen, self.on = 0, 0, set(), True

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(self.where)
            s.settimeout(5)
            while self.on:
                i = self.n % 65536
                s.send(query(self.name_asked, ident=i))
                try:
                    a = Answer(s.recv(4096))
                    while a.id != i:
                        a = Answer(s.recv(4096))
                    self.seen.add((a.rcode, a.a() if a.an else None))
                except TimeoutError:
                    self.lost += 1
                self.n += 1


def part_reload():
    write('example.org.zone', zone(1))
    write('other.test.zone', zone(1))
    with Server({'zones': zones('example.org', 'other.test')}) as s:
        loads = [Load(('127.0.0.1', s.port)) for _ in range(4)]
        for t in loads:
            t.start()
        for serial in range(2, 42):
            write('example.org.zone', zone(serial))
            r = s.ctl('reload') if serial % 2 else s.ctl('reload', 'example.org')
            if r.returncode != 0:
                ok(False, 'reload', r.stdout + r.stderr)
        for t in loads:
            t.on = False
        for t in loads:
            t.join()
        allowed = {(0, f'192.0.2.{i + 1}') for i in range(1, 42)}
        ok(sum(t.n for t in loads) > 200 and sum(t.lost for t in loads) == 0,
           f'forty reloads while {sum(t.n for t in loads)} queries are asked: none is lost')
        ok(all(t.seen <= allowed for t in loads), 'every answer is one of some version', loads[0].seen - allowed)
        ok(s.ask('www.example.org').a() == '192.0.2.42', 'and at last the newest')
        with open(path('other.test.zone'), 'w') as f:
            f.write(zone(9))
        s.proc.send_signal(signal.SIGHUP)
        ok(until(lambda: s.ask('www.other.test').a() == '192.0.2.10'), 'SIGHUP reloads')

        write('example.org.zone', zone(50, 'oops A 192.0.2.300\nworse MX\n'))
        r = s.ctl('reload')
        ok(r.returncode == 1 and 'example.org.zone:6:' in r.stdout + r.stderr and 'example.org.zone:7:' in r.stdout,
           'a bad zone: both mistakes are told with their lines', r.stdout + r.stderr)
        ok(s.ask('www.example.org').a() == '192.0.2.42', 'and the good one goes on')
        ok('kept' in s.ctl('zones').stdout, 'which `ctl zones` shows')
        write('other.test.zone', zone(11))
        s.ctl('reload')
        ok(s.ask('www.other.test').a() == '192.0.2.12', 'a bad zone does not hold up the others')
        write('example.org.zone', zone(51))
        ok(s.ctl('reload').returncode == 0 and s.ask('www.example.org').a() == '192.0.2.52', 'mended, it is served')
        os.unlink(path('example.org.zone'))
        r = s.ctl('reload', 'example.org')
        ok(r.returncode == 1 and s.ask('www.example.org').a() == '192.0.2.52', 'a zone file gone: the zone stays', r.stderr)
        r = s.ctl('reload', 'nosuch.test')
        ok(r.returncode == 1 and 'no such zone' in r.stdout + r.stderr, 'reload of a zone that is not there')

        write('example.org.zone', zone(60))
        good = open(path(s.name + '.yaml')).read()
        write(s.name + '.yaml', good.replace('"server"', '"sever"'))
        r = s.ctl('reload')
        ok(r.returncode == 1 and "did you mean 'server'" in r.stdout, 'a bad configuration is refused', r.stdout)
        ok(s.ask('www.example.org').a() == '192.0.2.52', 'and nothing changes, not even zones')
        write(s.name + '.yaml', '')
        r = s.ctl('reload')
        ok(r.returncode == 1 and 'neither zones nor a resolver' in r.stdout and s.ask('www.example.org').a() == '192.0.2.52',
           'an empty file, as while it is being written, is not the new configuration', r.stdout + r.stderr)
        write(s.name + '.yaml', good)
        os.rename(path('other.test.zone'), path('kept'))
        os.mkfifo(path('other.test.zone'))
        r = s.ctl('reload', 'other.test')
        ok(r.returncode == 1 and 'not an ordinary file' in r.stdout, 'a pipe as zone file does not hold up the server', r.stdout + r.stderr)
        os.unlink(path('other.test.zone'))
        os.rename(path('kept'), path('other.test.zone'))
        s.configure({'zones': zones('example.org'), 'server': {'udp-size': 1400, 'workers': 3}, 'log': {'level': 'debug'}})
        r = s.ctl('reload')
        ok('server.udp-size: 1232 -> 1400' in r.stdout and 'zone other.test.: removed' in r.stdout
           and 'server.workers: 2 -> 3 (needs a new start)' in r.stdout, 'the difference is shown', r.stdout)
        ok(s.ask('www.other.test').rcode == 5 and s.ask('www.example.org').a() == '192.0.2.61', 'and made true')


def part_include_change():
    write('example.org.zone', zone(1, '$INCLUDE part.inc\n'))
    write('part.inc', 'inc A 192.0.2.200\n')
    old = time.time() - 100
    for f in ('example.org.zone', 'part.inc'):
        os.utime(path(f), (old, old))
    with Server({'zones': zones('example.org')}) as s:
        ok(s.ask('inc.example.org').a() == '192.0.2.200', 'a zone with an included file')
        ok('0 zones loaded, 1 unchanged' in s.ctl('reload').stdout, 'unchanged files are not read again')
        write('part.inc', 'inc A 192.0.2.201\n')
        ok('1 zones loaded' in s.ctl('reload').stdout and s.ask('inc.example.org').a() == '192.0.2.201',
           'a change of the included file is seen')


def part_folder():
    os.makedirs(path('zones'), exist_ok=True)
    write('zones/one.test.zone', zone(1))
    with Server({'zones-dir': path('zones')}) as s:
        ok(s.ask('www.one.test').rcode == 0, 'a zone of zones-dir')
        write('zones/two.test.zone', zone(2))
        os.unlink(path('zones/one.test.zone'))
        s.ctl('reload')
        ok(s.ask('www.two.test').rcode == 0 and s.ask('www.one.test').rcode == 5, 'files that come and go')


def part_mistakes():
    write('example.org.zone', zone())
    z = 'example.org=' + path('example.org.zone')
    quiet = ('--control', '')
    with Server({'zones': zones('example.org')}) as s:
        start = time.time()
        rc, err = run_daemon('--listen', f'127.0.0.1@{s.port}', '--zone', z, *quiet)
        ok(rc == 1 and 'the port is in use' in err and 'Sanitizer' not in err and time.time() - start < 5,
           'port in use', err)
        ok(s.ask('www.example.org').rcode == 0, 'the first server does not mind')
        rc, err = run_daemon('--listen', f'127.0.0.1@{free_port()}', '--zone', z, '--control', s.sock)
        ok(rc == 1 and 'control socket' in err, 'control socket in use', err)
    precious = write('precious', 'keep me')
    rc, err = run_daemon('--listen', f'127.0.0.1@{free_port()}', '--zone', z, '--control', precious)
    ok(rc == 1 and 'no socket' in err and os.path.exists(precious), 'an ordinary file is not taken for a socket', err)
    rc, err = run_daemon('--listen', '192.0.2.55@5300', '--zone', z, *quiet)
    ok(rc == 1 and 'no such address' in err and 'hint:' in err, 'no such address', err)
    rc, err = run_daemon('--config', path('nosuch.yaml'))
    ok(rc == 1 and 'nosuch.yaml' in err, 'no such configuration', err)
    rc, err = run_daemon('--listen', f'127.0.0.1@{free_port()}', '--zone', 'x.test=' + path('nosuch.zone'), *quiet)
    ok(rc == 1 and 'nosuch.zone' in err and 'not started' in err, 'no such zone file', err)
    bad = write('bad.zone', zone(1, 'x A 1.2.3\n'))
    rc, err = run_daemon('--listen', f'127.0.0.1@{free_port()}', '--zone', 'x.test=' + bad, *quiet)
    ok(rc == 1 and 'bad.zone:6:' in err, 'a bad zone stops the start, with file and line', err)
    for where in ('>/dev/full', '>&-'):
        r = subprocess.run(['sh', '-c', f'"$0" zone fmt "$1" {where}', BANYAN, path('example.org.zone')],
                           capture_output=True, text=True)
        ok(r.returncode == 1 and 'could not be written' in r.stderr, f'output that cannot be written: {where}', r)
    p = subprocess.Popen(['sh', '-c', 'exec "$0" --listen 127.0.0.1@$1 --control "" <&- >&- 2>&-', BANYAND,
                          str(port := free_port())])
    for _ in range(100):
        a = udp(('127.0.0.1', port), query('www.example.org'), 0.1)
        if a:
            break
        time.sleep(0.1)
    where = [os.readlink(f'/proc/{p.pid}/fd/{fd}') for fd in range(3)]
    ok(a and where == ['/dev/null'] * 3, 'no file or socket in the place of closed standard streams', where)
    p.terminate()
    p.wait(10)
    rc, err = run_daemon('--liste', '1')
    ok(rc == 2 or rc == 1, 'an unknown option', err)
    rc, err = run_daemon('--set', 'server.wrokers=1')
    ok(rc == 1 and 'server.wrokers' in err, 'an unknown setting', err)
    if os.geteuid() == 0 and shutil.which('setpriv'):
        r = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all',
                            '--bounding-set=-all', BANYAND, '--listen', '127.0.0.1@53', '--zone', z, *quiet],
                           capture_output=True, text=True, timeout=20)
        if 'no permission' not in r.stderr and r.returncode == 1 and 'in use' in r.stderr:
            ok(True, 'port 53 without root # SKIP somebody serves it')
        elif int(open('/proc/sys/net/ipv4/ip_unprivileged_port_start').read()) <= 53:
            ok(True, 'port 53 without root # SKIP allowed here')
        else:
            ok(r.returncode == 1 and 'no permission' in r.stderr and 'CAP_NET_BIND_SERVICE' in r.stderr,
               'port 53 without root: a line that says what to do', r.stderr)
    with Server({'server': {'start-without': True}, 'zones': [{'name': 'x.test', 'file': bad}] + zones('example.org')}) as s:
        ok(s.ask('www.example.org').rcode == 0 and s.ask('www.x.test').rcode == 5, 'start-without: the good zones are served')


def part_restart():
    write('example.org.zone', zone())
    s = Server({'zones': zones('example.org')})
    conns = [tcp_open(('127.0.0.1', s.port)) for _ in range(5)]
    for c in conns:
        c.sendall(frame(query('www.example.org')))
        tcp_read(c)
    s.proc.kill()
    s.proc.wait()
    start = time.time()
    s.start()
    a = s.ask('www.example.org')
    ok(a and a.rcode == 0 and time.time() - start < 5, 'killed with -9, it serves again at once')
    with tcp_open(('127.0.0.1', s.port)) as c:
        c.sendall(frame(query('www.example.org')))
        ok(tcp_read(c).rcode == 0, 'over TCP too')
    ok(s.stop(signal.SIGINT) == 0, 'SIGINT ends it with status 0')
    ok(not os.path.exists(s.sock), 'and the control socket is gone')


def part_privileges():
    if os.geteuid() != 0:
        ok(True, 'privileges # SKIP not root')
        return
    write('example.org.zone', zone())
    user = pwd.getpwnam('nobody')
    with Server({'server': {'user': 'nobody', 'pidfile': path('pid')}, 'zones': zones('example.org')}) as s:
        status = open(f'/proc/{s.proc.pid}/status').read()
        uids = re.search(r'Uid:\s+(\d+)\s+(\d+)\s+(\d+)', status).groups()
        caps = re.search(r'CapEff:\s+(\w+)', status).group(1)
        ok(set(uids) == {str(user.pw_uid)} and int(caps, 16) == 0, 'becomes the user, without capabilities', status)
        threads = {open(f'/proc/{s.proc.pid}/task/{t}/status').read().split('Uid:')[1].split()[0]
                   for t in os.listdir(f'/proc/{s.proc.pid}/task')}
        ok(threads == {str(user.pw_uid)}, 'every thread does')
        ok(s.ask('www.example.org').rcode == 0, 'and answers')
        ok(open(path('pid')).read().strip() == str(s.proc.pid), 'the pid file')
        write('example.org.zone', zone(5))
        os.chmod(path('example.org.zone'), 0o644)
        ok(s.ctl('reload').returncode == 0 and s.ask('www.example.org').a() == '192.0.2.6', 'and reloads')
    rc, err = run_daemon('--listen', f'127.0.0.1@{free_port()}', '--control', '', '--set', 'server.user=nosuchuser')
    ok(rc == 1 and 'no user nosuchuser' in err, 'a user that is not there', err)
    probe = subprocess.run(['unshare', '-U', '-r', 'true'], capture_output=True)
    if probe.returncode == 0:
        with Server({'server': {'user': 'nobody'}, 'zones': zones('example.org')}, wrap=('unshare', '-U', '-r')) as s:
            ok(s.ask('www.example.org').rcode == 0 and 'user-not-changed' in s.text(),
               'root of a user namespace without that user: it goes on')
    else:
        ok(True, 'user namespace # SKIP not allowed here')


def cpu_ticks(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(') ', 1)[1].split()
    return int(fields[11]) + int(fields[12])


def part_control():
    write('example.org.zone', zone())
    with Server({'zones': zones('example.org')}) as s:
        ok(os.stat(s.sock).st_mode & 0o777 == 0o600, 'the control socket is for its owner only')
        ok('zones: 1, all good' in s.ctl('status').stdout, 'status')
        ok(json.loads(s.ctl('status', '--json').stdout)['pid'] == s.proc.pid, 'status --json')
        s.ask('www.example.org')
        ok(json.loads(s.ctl('stats', '--json').stdout)['authoritative']['queries'] >= 1, 'stats --json')
        z = json.loads(s.ctl('zones', '--json').stdout)
        ok(z[0]['zone'] == 'example.org.' and z[0]['serial'] == 1 and z[0]['state'] == 'loaded', 'zones --json', z)
        ok(s.ctl('log-level', 'debug').returncode == 0 and s.ctl('log-level', 'loud').returncode == 1, 'log-level')
        r = s.ctl('flush', '--all')
        ok(r.returncode == 1 and 'no cache' in r.stderr, 'flush without a resolver', r.stderr)
        r = s.ctl('trace', 'www.example.org')
        ok(r.returncode == 1 and 'does not resolve' in r.stderr, 'trace without a resolver', r.stderr)
        r = s.ctl('relod')
        ok(r.returncode == 2 and 'did you mean reload' in r.stderr, 'a mistyped command', r.stderr)
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(5)
            c.connect(s.sock)
            c.sendall(b'hello\n{"command":"version"}\n{"command":"nosuch"}\n')
            f = c.makefile('rb')
            first = json.loads(f.readline())
            second = json.loads(f.readline())
            body = f.read(second['size'])
            third = json.loads(f.readline())
            ok(not first['ok'] and second['ok'] and b'.' in body and 'unknown command' in third['error'],
               'several requests of one connection', (first, second, third))
        with socket.socket(socket.AF_UNIX) as c: # the server's stack must not grow with the lines
            c.settimeout(20)
            c.connect(s.sock)
            reader = threading.Thread(target=lambda: sum(len(b) for b in iter(lambda: c.recv(65536), b'')))
            reader.start()
            try:
                c.sendall(b'\n' * 50000)
                c.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            reader.join(20)
            ok(s.ctl('version').returncode == 0, 'thousands of requests at once')
        used = 1 + max(int(fd) for fd in os.listdir(f'/proc/{s.proc.pid}/fd'))
        old = resource.prlimit(s.proc.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(s.proc.pid, resource.RLIMIT_NOFILE, (used, old[1]))
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(5)
            c.connect(s.sock)
            c.sendall(b'{"command":"version"}\n')
            before = cpu_ticks(s.proc.pid)
            time.sleep(1)
            spent = cpu_ticks(s.proc.pid) - before
            resource.prlimit(s.proc.pid, resource.RLIMIT_NOFILE, old)
            ok(spent < 30 and json.loads(c.makefile('rb').readline())['ok'],
               'without a free descriptor it waits, and does not spin', spent)
        for junk in (b'\0' * 100 + b'\n', b'x' * 200000, b'{' * 5000 + b'\n', b'"\n'):
            with socket.socket(socket.AF_UNIX) as c:
                c.settimeout(5)
                c.connect(s.sock)
                try:
                    c.sendall(junk)
                    c.recv(4096)
                except OSError:
                    pass
        idle = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for c in idle:
            c.settimeout(2)
            try:
                c.connect(s.sock)
            except OSError:
                pass
        for c in idle:
            c.close()
        ok(until(lambda: s.ctl('version').returncode == 0), 'it answers on after junk and many clients')
        s.proc.send_signal(signal.SIGUSR1)
        ok(until(lambda: 'stats part=authoritative' in s.text()), 'SIGUSR1 writes the counters to the log')
        ok(s.ctl('stop').returncode == 0 and s.proc.wait(10) == 0, 'stop')
    r = subprocess.run([BANYAN, 'ctl', '--socket', s.sock, 'status'], capture_output=True, text=True)
    ok(r.returncode == 1 and 'is banyand running' in r.stderr, 'no server: a line that helps', r.stderr)


def part_notify():
    write('example.org.zone', zone())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
        n.bind(path('notify'))
        n.settimeout(5)
        s = Server({'zones': zones('example.org')}, env={'NOTIFY_SOCKET': path('notify')})
        got = n.recv(4096).decode()
        s.proc.send_signal(signal.SIGHUP)
        got += '|' + n.recv(4096).decode() + '|' + n.recv(4096).decode()
        rc = s.stop()
        got += '|' + n.recv(4096).decode()
        ok(re.match(r'READY=1.*\|RELOADING=1\nMONOTONIC_USEC=\d+\|READY=1\|STOPPING=1', got, re.S) and rc == 0,
           'the service manager is told', got)
    with Server({'log': {'target': 'journal'}, 'zones': zones('example.org')}) as s:
        ok(s.text().startswith('<6>zone-loaded zone=example.org. serial=1'), 'lines for the journal', s.text())


class Upstream(threading.Thread):
    """A root server that knows everything: A records for all names, after a delay if the name says so."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(('127.0.0.1', port))
        self.ports, self.names = [], []

    def answer(self, wire, who):
        end = 12
        labels = []
        while wire[end]:
            labels.append(wire[end + 1:end + 1 + wire[end]].decode().lower())
            end += 1 + wire[end]
        question = wire[12:end + 5]
        qtype = struct.unpack('>H', wire[end + 1:end + 3])[0]
        self.names.append('.'.join(labels))
        if labels and labels[0].startswith('slow'):
            time.sleep(0.12)
        rr = b''
        if qtype == 1 and labels:
            rr = b'\xc0\x0c\0\1\0\1' + struct.pack('>IH', 60, 4) + bytes([192, 0, 2, 77])
        elif qtype == 2 and not labels:
            rr = b'\0\0\2\0\1' + struct.pack('>IH', 60, 8) + b'\1a\4root\0'
        head = wire[:2] + struct.pack('>5H', 0x8400, 1, 1 if rr else 0, 0 if rr else 1, 0)
        soa = b'' if rr else b'\0\0\6\0\1' + struct.pack('>IH', 60, 22) + b'\0\0' + struct.pack('>5I', 1, 1, 1, 1, 60)
        try:
            self.sock.sendto(head + question + rr + soa, who)
        except OSError:
            pass  # the test is over

    def run(self):
        while True:
            try:
                wire, who = self.sock.recvfrom(4096)
            except OSError:
                return
            self.ports.append(who[1])
            threading.Thread(target=self.answer, args=(wire, who), daemon=True).start()


def resolver_config(upstream_port, **more):
    return {'server': {'workers': 1}, 'resolver': dict(
        {'enabled': True, 'hints': [{'name': 'a.root', 'addresses': ['127.0.0.1']}], 'upstream-port': upstream_port,
         'query-loopback': True, 'ipv6': False, 'prime': False}, **more)}


def part_resolver():
    write('local.test.zone', zone())
    port = free_port()
    up = Upstream(port)
    up.start()
    with Server(dict(resolver_config(port), tcp={'idle': '3s'}, zones=zones('local.test'))) as s:
        time.sleep(0.3)
        ok(not up.ports, 'nothing is sent before the first question')
        a = s.ask('first.example', rd=1)
        ok(a and a.rcode == 0 and a.a() == '192.0.2.77', 'a name is resolved', s.text())
        ok(s.ask('www.local.test', rd=1).aa, 'a name of a local zone comes from its file')
        with tcp_open(('127.0.0.1', s.port)) as c:
            c.sendall(frame(query('slow.example', ident=1, rd=1)) + frame(query('www.local.test', ident=2)) +
                      frame(query('first.example', ident=3, rd=1)))
            ids = [tcp_read(c).id for _ in range(3)]
            ok(ids[-1] == 1 and sorted(ids) == [1, 2, 3], 'over TCP answers leave as they get ready', ids)
        ok(keepalive(('127.0.0.1', s.port), rd=1) == 30, 'the idle time is told')
        threads = [threading.Thread(target=lambda i=i: s.ask(f'h{i}.example', rd=1)) for i in range(100)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        distinct = len(set(up.ports))         # a socket asks one question at a time, and several after each other
        ok(distinct > 20 and max(up.ports) > 40000 and min(up.ports) < 25000,
           f'{len(up.ports)} questions from {distinct} ports, from {min(up.ports)} to {max(up.ports)}')
        before = len(up.ports)
        same = [threading.Thread(target=lambda: s.ask('slow-same.example', rd=1)) for i in range(20)]
        for t in same:
            t.start()
        for t in same:
            t.join()
        ok(up.names.count('slow-same.example') < 5, 'equal questions are asked once (and retried), not twenty times',
           up.names[before:])
        r = s.ctl('trace', 'first.example', '--cold')
        ok(r.returncode == 0 and 'result: NOERROR' in r.stdout, 'trace on the running server', r.stdout + r.stderr)
        ok(json.loads(s.ctl('trace', 'first.example', '--json').stdout), 'trace --json')
        ok('sequenceDiagram' in s.ctl('trace', 'first.example', '--cold', '--mermaid').stdout, 'trace --mermaid')
        ok('first.example' in s.ctl('trace', 'first.example', '--explain').stdout, 'trace --explain')
        n = up.names.count('first.example')
        s.ask('first.example', rd=1)
        cached = up.names.count('first.example') == n
        s.ctl('flush', 'first.example')
        s.ask('first.example', rd=1)
        ok(cached and up.names.count('first.example') == n + 1, 'flush of a name')
        load = Load(('127.0.0.1', s.port), 'www.local.test')
        load.start()
        pending = threading.Thread(target=lambda: setattr(load, 'late', s.ask('slow-reload.example', rd=1)))
        pending.start()
        time.sleep(0.03)
        ok(s.ctl('reload').returncode == 0, 'reload')
        pending.join()
        load.on = False
        load.join()
        ok(load.lost == 0 and load.late and load.late.rcode == 0, 'a reload keeps queries in flight',
           (load.lost, load.n, load.late and load.late.rcode, s.text()))
        m = up.names.count('first.example')
        s.ask('first.example', rd=1)
        ok(up.names.count('first.example') == m, 'and the cache')
        up.sock.close()
    port = free_port()
    up = Upstream(port)
    up.start()
    with Server(dict(resolver_config(port), server={'workers': 4})) as s:
        good = []

        def many(k):
            for i in range(60):
                a = s.ask(f'n{(i * 7 + k) % 90}.example', rd=1)
                good.append(a is not None and a.rcode == 0)
                if i % 20 == k:
                    s.ctl('flush', '--all')
        threads = [threading.Thread(target=many, args=(k,)) for k in range(8)]
        for t in threads:
            t.start()
        reloaded = s.ctl('reload').returncode == 0 and s.ctl('stats').returncode == 0
        for t in threads:
            t.join()
        ok(reloaded and len(good) == 480 and all(good), 'four workers share a cache, through flushes and a reload',
           good.count(False))
    up.sock.close()
    closed = free_port()
    with Server(resolver_config(closed)) as s:
        start = time.time()
        a = udp(('127.0.0.1', s.port), query('x.example', rd=1), 12)
        ok(a and a.rcode == 2 and time.time() - start < 9, 'nobody at the servers: SERVFAIL in time', time.time() - start)
    with Server(resolver_config(closed, allow=['192.0.2.0/24'])) as s:
        ok(s.ask('x.example', rd=1).rcode == 5, 'strangers are refused')


PARTS = [v for k, v in list(globals().items()) if k.startswith('part_')]


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ''
    try:
        for part in PARTS:
            if word in part.__name__:
                print(f'# {part.__name__[5:]}', flush=True)
                part()
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
    print(f'1..{points}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
