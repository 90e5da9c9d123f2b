#!/usr/bin/python3
"""banyand and the age of answers, with a clock that is moved while it runs (faketime), a forwarder that falls
silent, and clients that need not be who they say: in a network namespace of its own. Prints TAP.

    BANYAN_BUILD=build tools/e2e_age.py
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
HERE, AWAY = '127.0.0.1', '10.99.7.1'  # a client on this host, and one that might be anybody
PORT, UPSTREAM = 21000, 21001
FAKETIME = next((p for p in ('/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
                             '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
                             '/usr/lib64/faketime/libfaketimeMT.so.1',
                             '/usr/lib/faketime/libfaketimeMT.so.1') if os.path.exists(p)), None)
points = failed = 0


def preload():
    """What LD_PRELOAD has to be: a sanitizer's library must come first."""
    linked = subprocess.run(['ldd', os.path.join(BUILD, 'banyand')], capture_output=True, text=True, check=False).stdout
    asan = re.search(r'libasan\S* => (\S+)', linked)
    return f'{asan.group(1)}:{FAKETIME}' if asan else FAKETIME


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        print(f'# {detail}')


class Forwarder(threading.Thread):
    """Answers A questions with one address, until it is told to be silent or slow."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HERE, UPSTREAM))
        self.address, self.ttl, self.silent, self.slow, self.seen = '192.0.2.1', 60, False, 0, 0

    def reply(self, wire, who, after):
        time.sleep(after)
        q = dns.message.from_wire(wire)
        r = dns.message.make_response(q)
        r.flags |= dns.flags.RA
        r.answer.append(dns.rrset.from_text(q.question[0].name, self.ttl, 'IN', 'A', self.address))
        self.sock.sendto(r.to_wire(), who)

    def run(self):
        while True:
            wire, who = self.sock.recvfrom(4096)
            self.seen += 1
            if not self.silent:
                threading.Thread(target=self.reply, args=(wire, who, self.slow), daemon=True).start()


class Resolver:
    def __init__(self, folder, options=''):
        self.clock = os.path.join(folder, 'clock')
        self.move(0)
        conf = os.path.join(folder, 'banyan.yaml')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(f'''server: {{listen: ["{HERE}@{PORT}", "{AWAY}@{PORT}"], workers: 1}}
control: {{socket: {folder}/control.sock}}
resolver:
  enabled: yes
  allow: [127.0.0.0/8, 10.0.0.0/8]
  validate: no
  query-loopback: yes
  special-zones: no
  forward-zones: [{{zone: ".", servers: ["{HERE}@{UPSTREAM}"]}}]
{options}''')
        # A sanitizer must not look at the clock while it allocates: faketime opens its file then, and allocates too.
        asan = os.environ.get('ASAN_OPTIONS', '') + ':allocator_release_to_os_interval_ms=-1'
        env = dict(os.environ, LD_PRELOAD=preload(), ASAN_OPTIONS=asan, FAKETIME_TIMESTAMP_FILE=self.clock,
                   FAKETIME_NO_CACHE='1', FAKETIME_DONT_FAKE_MONOTONIC='1', DONT_FAKE_MONOTONIC='1')
        self.log = open(os.path.join(folder, 'log'), 'wb')
        self.process = subprocess.Popen([os.path.join(BUILD, 'banyand'), '--config', conf], env=env,
                                        stderr=self.log, stdout=self.log)
        end = time.time() + 10
        while time.time() < end and self.ask('up.example.', wait=0.3) is None:
            time.sleep(0.1)

    def move(self, seconds):
        with open(self.clock + '.new', 'w', encoding='ascii') as f:
            f.write(f'{seconds:+d}s\n')
        os.rename(self.clock + '.new', self.clock)

    def ask(self, name, client=HERE, wait=9.0, tcp=False, cookie=None):
        options = [dns.edns.GenericOption(10, cookie)] if cookie else []
        q = dns.message.make_query(name, 'A', use_edns=0, options=options)
        at = time.time()
        try:
            r = (dns.query.tcp if tcp else dns.query.udp)(q, client, wait, PORT, source=client)
        except (dns.exception.Timeout, OSError):
            return None
        r.took = time.time() - at
        r.cookie = next((o.to_wire() for o in r.options if int(o.otype) == 10), None)
        r.ede = [int(o.code) for o in r.options if isinstance(o, dns.edns.EDEOption)]
        r.ttl = r.answer[0].ttl if r.answer else -1
        r.data = r.answer[0][0].to_text() if r.answer else ''
        return r

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return 'killed'


def clocks(folder, up):
    r = Resolver(folder, '  prefetch: no\n')
    a = r.ask('www.example.')
    ok(a is not None and a.ttl == 60, 'an answer comes, with its whole time', a)
    seen, up.address = up.seen, '192.0.2.2'
    r.move(7200)
    a = r.ask('www.example.')
    ok(a is not None and a.data == '192.0.2.2' and up.seen == seen + 1,
       'the wall clock alone says that it has run out: it is fetched anew', a)
    r.move(-36000)
    time.sleep(2.1)
    seen = up.seen
    a = r.ask('www.example.')
    ok(a is not None and 50 < a.ttl <= 58 and up.seen == seen, 'set back by hours: the other clock counts on', a)
    r.move(20 * 365 * 86400)
    a = r.ask('www.example.')
    ok(a is not None and a.ttl == 60, 'twenty years ahead: it is fetched anew', a)
    r.move(0)
    a = r.ask('www.example.')
    ok(a is not None and 50 < a.ttl <= 60, 'and set right again: no TTL has grown', a)
    up.ttl = 2
    r.ask('short.example.')
    up.address = '192.0.2.3'
    r.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    r.process.send_signal(signal.SIGCONT)
    a = r.ask('short.example.')
    ok(a is not None and a.data == '192.0.2.3', 'stopped for longer than a TTL: what ran out meanwhile is not told', a)
    up.ttl = 60
    ok(r.stop() == 0, 'it ends with status 0')


def stale(folder, up):
    r = Resolver(folder, '  serve-stale: yes\n  stale-recheck: 3s\n  timeout: 300ms\n')
    r.ask('www.example.')
    r.move(300)
    up.silent = True
    a = r.ask('www.example.')
    ok(a is not None and a.ede == [3] and a.ttl == 30 and 1.7 < a.took < 2.2,
       'no fresh answer: after 1.8 s the stale one, EDE 3, TTL 30', a)
    time.sleep(8)
    r.ask('www.example.')  # it may be the first after the recheck time
    time.sleep(7)
    seen, a = up.seen, r.ask('www.example.')
    ok(a is not None and a.ede == [3], 'it goes on being told', a)
    up.silent, up.address = False, '192.0.2.4'
    time.sleep(4)
    a = r.ask('www.example.')
    ok(a is not None and a.ede == [] and a.data == '192.0.2.4', 'the forwarder is back: fresh answers', (seen, a))
    r.move(300 + 100000)
    up.silent = True
    a = r.ask('www.example.')
    ok(a is not None and a.rcode() == dns.rcode.SERVFAIL, 'older than stale-max: SERVFAIL', a)
    up.silent = False
    ok(r.stop() == 0, 'it ends with status 0')


def patience(folder, up):
    r = Resolver(folder, '  timeout: 4s\n')
    for up.slow in (0.3, 0.6, 1.2, 1.8, 2.3):  # slowly, so that it learns to wait
        r.ask(f'warm{int(up.slow * 10)}.example.')
    a = r.ask('slow.example.', AWAY, 4)
    ok(a is None, 'over UDP from elsewhere: no answer that comes after 1.9 s', a)
    a = r.ask('slow.example.', AWAY, 1)
    ok(a is not None and a.data == up.address and a.took < 0.5, 'asked again, it is there', a)
    a = r.ask('slow-tcp.example.', AWAY, tcp=True)
    ok(a is not None and a.took > 2.2, 'over TCP it is waited for', a)
    a = r.ask('warm3.example.', AWAY, cookie=b'12345678')
    a = r.ask('slow-cookie.example.', AWAY, cookie=a.cookie)
    ok(a is not None and a.took > 2.2, 'with a cookie of ours, too', a)
    a = r.ask('slow-here.example.', HERE)
    ok(a is not None and a.took > 2.2, 'and on this host', a)
    up.slow = 0
    ok(r.stop() == 0, 'it ends with status 0')


def prefetched(folder, up):
    r = Resolver(folder)
    up.ttl = 20
    r.ask('often.example.')
    seen = up.seen
    time.sleep(18.2)  # both clocks agree that it is late, and not over
    a = r.ask('often.example.')
    ok(a is not None and 1 <= a.ttl <= 2, 'in the last tenth of its time: from the cache', a)
    time.sleep(0.5)
    ok(up.seen == seen + 1, 'and fetched anew behind that', up.seen - seen)
    time.sleep(1)
    a = r.ask('often.example.')
    ok(a is not None and a.took < 0.2 and 17 <= a.ttl <= 19 and up.seen == seen + 1, 'so it is never missing', a)
    up.ttl = 60
    ok(r.stop() == 0, 'it ends with status 0')


def main():
    if FAKETIME is None:
        print('1..0 # SKIP libfaketime is not installed')
        return 0
    if '--inside' not in sys.argv:
        if subprocess.run(['unshare', '-rn', 'true'], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            print('1..0 # SKIP no network namespaces here')
            return 0
        return subprocess.run(['unshare', '-rn', sys.executable, __file__, '--inside'], check=False).returncode
    for line in ('link set lo up', f'addr add {AWAY}/32 dev lo'):
        subprocess.run(['ip', *line.split()], check=True)
    up = Forwarder()
    up.start()
    for part in (clocks, stale, patience, prefetched):
        folder = tempfile.mkdtemp(prefix='banyan-e2e-age-')
        part(folder, up)
        shutil.rmtree(folder)
    print(f'1..{points}')
    return failed > 0


sys.exit(main())
