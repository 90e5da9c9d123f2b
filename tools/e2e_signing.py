#!/usr/bin/python3
"""A server that signs its zones: from one line of configuration to what validators accept, over restarts, edits, key
rolls, kill -9 at any moment, full disks, damaged stores. Prints TAP.

    BANYAN_BUILD=build tools/e2e_signing.py [WORD] [--long]
"""
import calendar
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
LONG = '--long' in sys.argv
BANYAND, BANYAN = (os.path.join(BUILD, p) for p in ('banyand', 'banyan'))
TMP = tempfile.mkdtemp(prefix='banyan-signing-')
points = failed = 0
ZONE = '''$TTL 300
@ SOA ns1 host 10 7200 3600 1209600 60
@ NS ns1
@ NS ns2.other.test.
@ MX 20 www
@ MX 10 ns1
ns1 A 192.0.2.1
www A 192.0.2.2
*.wild TXT "x"
a.b.ent A 192.0.2.3
al CNAME www
sub NS ns.sub
ns.sub A 192.0.2.4
sec NS ns1
sec DS 12345 13 2 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899
dn DNAME ent
'''


def ok(good, what, detail=''):
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {what}', flush=True)
    if not good:
        for line in str(detail).splitlines()[-20:]:
            print('# ' + line)
    return good


def free_port():
    for _ in range(100):
        port = random.randint(20000, 30000)
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(('127.0.0.1', port))
            return port
        except OSError:
            continue
    sys.exit('Bail out! no free port')


class Server:
    count = 0

    def __init__(self, zones, policies=(), extra=None):
        Server.count += 1
        self.dir = os.path.join(TMP, f's{Server.count}')
        os.mkdir(self.dir)
        self.port = free_port()
        self.proc = None
        self.config = {'server': {'listen': f'127.0.0.1@{self.port}', 'workers': 2},
                       'control': {'socket': self.path('ctl')},
                       'dnssec': {'state-dir': self.path('state'), 'policies': list(policies)},
                       'zones': [{'name': n, 'file': n + '.zone', 'dnssec': p} for n, p in zones]}
        self.config.update(extra or {})
        for n, _ in zones:
            self.write(n + '.zone', ZONE)
        self.save()

    def path(self, name):
        return os.path.join(self.dir, name)

    def save(self):
        self.write('banyan.conf', json.dumps(self.config))

    def write(self, name, text):
        with open(self.path(name) + '.new', 'w') as f:
            f.write(text)
        os.rename(self.path(name) + '.new', self.path(name))

    def edit(self, zone, change):
        with open(self.path(zone + '.zone')) as f:
            text = f.read()
        self.write(zone + '.zone', change(text))

    def start(self, wrap=(), wait=True):
        self.log = open(self.path('log'), 'a')
        self.proc = subprocess.Popen([*wrap, BANYAND, '--config', self.path('banyan.conf')], stdout=self.log, stderr=self.log)
        return not wait or self.ready()

    def ready(self, limit=20):
        end = time.time() + limit
        while time.time() < end and self.proc.poll() is None:
            try:
                self.ask('example.org', 'SOA', timeout=0.3)
                return True
            except (dns.exception.Timeout, OSError):
                time.sleep(0.02)
        return False

    def stop(self, how=signal.SIGTERM):
        if self.proc is None:
            return None
        self.proc.send_signal(how)
        rc = self.proc.wait(20)
        self.proc = None
        self.log.close()
        return rc

    def ask(self, name, rtype, timeout=3.0, dnssec=True, tcp=False):
        q = dns.message.make_query(name, rtype, want_dnssec=dnssec)
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(q, '127.0.0.1', timeout=timeout, port=self.port)

    def serial(self, zone='example.org'):
        return self.ask(zone, 'SOA').answer[0][0].serial

    def rrsigs(self, name, rtype, section='answer'):
        m = self.ask(name, rtype, tcp=True)
        return sorted(str(rd) for s in getattr(m, section) if s.rdtype == dns.rdatatype.RRSIG for rd in s)

    def ctl(self, *args):
        return subprocess.run([BANYAN, 'ctl', '--socket', self.path('ctl'), *args], capture_output=True, text=True, timeout=60)

    def keys(self, *args):
        return subprocess.run([BANYAN, 'keys', *args, '--state-dir', self.path('state')], capture_output=True, text=True,
                              timeout=60)

    def stat(self, name):
        out = self.ctl('stats', '--json').stdout
        m = re.search(r'"%s": *(\d+)' % name, out)
        return int(m.group(1)) if m else None

    def text(self):
        with open(self.path('log')) as f:
            return f.read()

    def copy(self, zone='example.org'):
        return self.path(f'state/signed/{zone}.zone')

    def verify(self, zone='example.org'):
        r = subprocess.run([BANYAN, 'zone', 'verify', self.copy(zone)], capture_output=True, text=True, timeout=120)
        return r.returncode == 0, r.stdout + r.stderr

    def until(self, what, limit=15):
        end = time.time() + limit
        while time.time() < end:
            if what():
                return True
            time.sleep(0.1)
        return False


def delv(s, zone, name, rtype):
    """What BIND's validator says of an answer, with the zone's own key as trust anchor."""
    anchor = s.path('anchor')
    with open(anchor, 'w') as f:
        for rd in s.ask(zone, 'DNSKEY').answer[0]:
            if rd.flags & 1:
                f.write('trust-anchors { "%s" static-key %d %d %d "%s"; };\n' %
                        (zone, rd.flags, rd.protocol, rd.algorithm, __import__('base64').b64encode(rd.key).decode()))
    r = subprocess.run(['delv', '-a', anchor, f'+root={zone}', '@127.0.0.1', '-p', str(s.port), name, rtype, '+multiline',
                        '+nosplit'], capture_output=True, text=True, timeout=20)
    return r.stdout + r.stderr


# ---- parts -------------------------------------------------------------------------------------------------------

def part_one_line():
    """A zone owner turns DNSSEC on with one line."""
    policies = [{'name': 'hashed', 'denial': 'nsec3', 'zonemd': True}, {'name': 'out', 'denial': 'nsec3', 'opt-out': True},
                {'name': 'online', 'denial': 'compact'}, {'name': 'apart', 'keys': 'split', 'algorithm': 'ed25519'}]
    zones = [('example.org', 'auto'), ('hashed.test', 'hashed'), ('out.test', 'out'), ('online.test', 'online'),
             ('apart.test', 'apart'), ('plain.test', 'off')]
    s = Server(zones, policies)
    ok(s.start(), 'a server signs six zones when it starts', s.text())
    questions = [('www', 'A'), ('www', 'MX'), ('no', 'A'), ('b.ent', 'A'), ('x.wild', 'TXT'), ('x.wild', 'A'), ('al', 'A'),
                 ('sec', 'DS'), ('sub', 'DS'), ('a.b.dn', 'A'), ('', 'DNSKEY'), ('', 'CDS'), ('a.no', 'TXT')]
    for zone, policy in zones[:5]:
        for label, rtype in questions:
            name = f'{label}.{zone}' if label else zone
            got = delv(s, zone, name, rtype)
            # Opt-out cannot prove that there is no unsigned delegation of that name (RFC 5155 section 12.2).
            want = 'unsigned answer' if (policy, label, rtype) == ('out', 'x.wild', 'TXT') else 'fully validated'
            ok(want in got, f'{policy}: delv validates {name} {rtype}', got)
        if policy != 'online':
            good, text = s.verify(zone)
            ok(good, f'{policy}: the whole zone verifies', text)
    m = s.ask('www.plain.test', 'A')
    ok(not any(r.rdtype == dns.rdatatype.RRSIG for r in m.answer), 'a zone that is off has no signatures')
    r = s.keys('list')
    ok(r.returncode == 0 and r.stdout.count('example.org') >= 1 and 'apart.test' in r.stdout, 'the keys are in the store', r.stdout + r.stderr)
    r = s.keys('ds', 'example.org')
    anchor = s.path('ds')
    with open(anchor, 'w') as f:
        f.write(r.stdout)
    r = subprocess.run([BANYAN, 'zone', 'verify', s.copy(), '--anchor', anchor], capture_output=True, text=True)
    ok(r.returncode == 0, 'the DS that `banyan keys ds` prints leads to the zone', r.stdout + r.stderr)
    out = s.ctl('zones').stdout
    ok(re.search(r'example\.org.*signed, good for 1[23] d', out) is not None, '`banyan ctl zones` tells how long signatures are good', out)
    ok(s.stat('zones_failing') == 0 and s.stat('made') > 20, 'counters of signing')
    mode = os.stat(s.path('state/keys/data.mdb')).st_mode & 0o777
    ok(mode == 0o600 and os.stat(s.path('state/keys')).st_mode & 0o777 == 0o700, 'nobody else can read the keys', oct(mode))
    ok(s.stop() == 0, 'it ends with status 0')


def part_restart():
    """Restarts and edits: the same signatures where nothing changed, a newer serial where something did."""
    s = Server([('example.org', 'auto')])
    s.start()
    before, serial = s.rrsigs('www.example.org', 'A'), s.serial()
    ok(serial == 10, 'the first serial is the file\'s', serial)
    s.stop()
    s.start()
    ok(s.rrsigs('www.example.org', 'A') == before and s.serial() == serial, 'a restart changes neither signatures nor serial')
    s.edit('example.org', lambda t: t + 'new A 192.0.2.9\n')
    made = s.stat('made')
    s.ctl('reload')
    ok(s.serial() == 11, 'an edit that forgot the serial gets a newer one', s.serial())
    ok(s.rrsigs('www.example.org', 'A') == before, 'names that did not change keep their signatures')
    ok(s.stat('made') - made == 4, 'one new name: four new signatures', s.stat('made') - made)
    s.edit('example.org', lambda t: t.replace('host 10 ', 'host 50 '))
    s.ctl('reload')
    ok(s.serial() == 50, 'a newer serial of the owner is taken', s.serial())
    s.edit('example.org', lambda t: t.replace('192.0.2.4', '192.0.2.44'))
    s.ctl('reload')
    ok(s.serial() == 51, 'a change of glue, which is not signed, is published too', s.serial())
    s.edit('example.org', lambda t: t.replace('ns1 host 50 ', 'ns1 other 50 '))
    s.ctl('reload')
    ok(s.serial() == 52 and 'other' in str(s.ask('example.org', 'SOA').answer[0]), 'and one of the SOA, but for its serial',
       s.ask('example.org', 'SOA'))
    s.edit('example.org', lambda t: t + 'broken A 1.2.3\n')
    s.ctl('reload')
    ok(s.serial() == 52 and s.rrsigs('www.example.org', 'A') == before, 'a broken file changes nothing')
    s.edit('example.org', lambda t: t.replace('broken A 1.2.3\n', ''))
    s.config['zones'][0]['dnssec'] = 'hashed'
    s.config['dnssec']['policies'] = [{'name': 'hashed', 'denial': 'nsec3'}]
    s.save()
    s.ctl('reload')
    ok('NSEC3' in str(s.ask('no.example.org', 'A').authority), 'from NSEC to NSEC3 by a reload')
    time.sleep(3)  # its file is no longer so new that it is read again anyway
    s.ctl('reload')
    s.config['dnssec']['policies'] = [{'name': 'hashed', 'denial': 'nsec3', 'cds': 'delete'}]
    s.save()
    s.ctl('reload')
    ok('0 0 0 00' in str(s.ask('example.org', 'CDS').answer), 'a change within a policy takes effect with a reload',
       s.ask('example.org', 'CDS'))
    good, text = s.verify()
    ok(good, 'the zone verifies after all that', text)
    s.config['zones'][0]['dnssec'] = 'off'
    s.save()
    said = s.ctl('reload').stdout
    ok('give the file a serial above' in said, 'turned off, a serial that goes back is told of', said)
    ok(s.rrsigs('www.example.org', 'A') == [], 'turned off, the file is served as it is')
    s.stop()


def part_again():
    """Signatures are renewed before they expire, while the server runs."""
    s = Server([('example.org', 'fast')], [{'name': 'fast', 'validity': '1h', 'refresh': '59m', 'jitter': 0, 'backdate': 0}])
    s.start()
    before, serial = s.rrsigs('www.example.org', 'A'), s.serial()
    # It would be due after a minute: what is kept in the store is made to look as if it were.
    good = s.until(lambda: s.serial() != serial, 75)
    ok(good, 'a minute later the zone was signed again', s.text())
    ok(s.rrsigs('www.example.org', 'A') != before, 'with new signatures')
    good, text = s.verify()
    ok(good, 'and verifies', text)
    s.stop()


def part_keys():
    """Key changes by command, while the server runs."""
    s = Server([('example.org', 'apart')], [{'name': 'apart', 'keys': 'split', 'dnskey-ttl': 1, 'propagation': 1}])
    s.start()
    tags = lambda: {rd.to_text().split()[-1] for rd in s.ask('example.org', 'DNSKEY').answer[0]}
    first = tags()
    ok(len(first) == 2, 'a key-signing and a zone-signing key')
    r = s.keys('roll', 'example.org', '--role', 'zsk', '--dnskey-ttl', '7', '--zone-ttl', '1', '--propagation', '1')
    ok(r.returncode == 0, 'a roll begins by command', r.stdout + r.stderr)
    ok(s.until(lambda: len(tags()) == 3), 'the running server publishes the new key', s.text())
    ok(s.until(lambda: len(tags()) == 2 and tags() != first, 30), 'and removes the old one in time', s.keys('status', 'example.org').stdout)
    good, text = s.verify()
    ok(good, 'the zone verifies after the roll', text)
    s.stop()


def part_tight():
    """A policy whose signatures have little time beside refresh and jitter: they are not renewed again and again."""
    s = Server([('example.org', 'tight')], [{'name': 'tight', 'validity': '8d'}])
    s.edit('example.org', lambda t: t + ''.join(f'n{i} A 192.0.2.9\n' for i in range(300)))
    s.start()
    serial = s.serial()
    s.stop()
    s.start()
    ok(s.serial() == serial, 'what was just signed is not due', s.text())
    s.stop()


def part_times():
    """A roll by command waits as long as the server's policy and the zone's TTLs want it."""
    s = Server([('example.org', 'slow')], [{'name': 'slow', 'keys': 'split', 'dnskey-ttl': '2d', 'propagation': '3h', 'ds-ttl': '3d'}])
    s.edit('example.org', lambda t: t + 'long 345600 A 192.0.2.9\nns.sub 500000 A 192.0.2.4\n')
    s.start()
    s.keys('roll', 'example.org', '--role', 'zsk')
    moments = lambda: [k['moments'] for k in json.loads(s.keys('list', 'example.org', '--json').stdout)[0]['keys']]
    at = lambda v: calendar.timegm(time.strptime(v, '%Y-%m-%dT%H:%M:%SZ'))
    new = [m for m in moments() if at(m['active']) > time.time() + 3600][0]
    old = [m for m in moments() if 'remove' in m][0]
    ok(at(new['active']) - at(new['publish']) == 51 * 3600, 'the new key signs when no cache holds a DNSKEY set without it', new)
    ok(at(old['remove']) - at(old['retire']) == 99 * 3600, 'the old one leaves when no cache holds its signatures', old)
    s.stop()


def part_late():
    """The end of a KSK that was retired long after the last signing: what shows nowhere in the zone is not put off."""
    s = Server([('example.org', 'apart')], [{'name': 'apart', 'keys': 'split', 'dnskey-ttl': 1, 'propagation': 1, 'ds-ttl': 6,
                                             'cds': 'never'}])
    times = ('--dnskey-ttl', '1', '--zone-ttl', '1', '--propagation', '1', '--ds-ttl', '6')
    s.start()
    tags = lambda: {rd.to_text().split()[-1] for rd in s.ask('example.org', 'DNSKEY').answer[0]}
    first = tags()
    r = s.keys('roll', 'example.org', '--role', 'ksk', *times)
    ok(r.returncode == 0 and s.until(lambda: len(tags()) == 3), 'a roll of the KSK begins', r.stdout + r.stderr)
    time.sleep(4)
    s.until(lambda: s.keys('ds-seen', 'example.org', *times).returncode == 0)
    ok(s.until(lambda: len(tags()) == 2 and tags() != first, 25), 'the old key leaves in time', s.keys('status', 'example.org').stdout)
    s.stop()


def part_kill():
    """kill -9 at any moment: no serial is given twice, no key is lost, the zone always verifies."""
    s = Server([('example.org', 'auto')])
    rounds = 200 if LONG else 25
    s.start()
    keys = set(str(rd) for rd in s.ask('example.org', 'DNSKEY').answer[0])
    last, text_of = s.serial(), {}
    bad = []
    rnd = random.Random(1)
    for i in range(rounds):
        s.edit('example.org', lambda t: re.sub(r'\nk\d+ A .*', '', t) + f'k{i} A 192.0.2.{i % 250 + 1}\n')
        subprocess.Popen([BANYAN, 'ctl', '--socket', s.path('ctl'), 'reload'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rnd.random() * 0.06)
        try:
            m = s.ask('example.org', 'SOA', timeout=0.5)
            last = max(last, m.answer[0][0].serial)
        except (dns.exception.Timeout, OSError):
            pass
        s.stop(signal.SIGKILL)
        if not s.start():
            bad.append(f'round {i}: it did not start')
            break
        now = s.serial()
        if now < last:
            bad.append(f'round {i}: serial {now} after {last}')
        last = now
        if set(str(rd) for rd in s.ask('example.org', 'DNSKEY').answer[0]) != keys:
            bad.append(f'round {i}: other keys')
        zone_text = s.rrsigs('example.org', 'SOA') + s.rrsigs(f'k{i}.example.org', 'A')
        if text_of.setdefault(now, zone_text) != zone_text:
            bad.append(f'round {i}: serial {now} with another content')
        if i % 5 == 0:
            good, text = s.verify()
            if not good:
                bad.append(f'round {i}: {text}')
    ok(not bad, f'killed {rounds} times', '\n'.join(bad) + s.text()[-2000:])
    s.stop()
    for name in ('example.org.zone.Ab3xYz', 'a.zone.b.zone', 'c.zone.kept'):
        s.write('state/signed/' + name, 'x')
    s.start()
    ok(sorted(os.listdir(s.path('state/signed'))) == ['a.zone.b.zone', 'c.zone.kept', 'example.org.zone'],
       'what was being written is removed', os.listdir(s.path('state/signed')))
    s.stop()


def part_disk():
    """No room on the disk: the last signatures go on, an alarm rises, and all is well when there is room again."""
    s = Server([('example.org', 'auto')])
    s.start()
    before, serial = s.rrsigs('www.example.org', 'A'), s.serial()
    subprocess.run(['prlimit', '--pid', str(s.proc.pid), '--fsize=1000:unlimited'], check=True)
    s.edit('example.org', lambda t: t + 'new A 192.0.2.9\n')
    s.ctl('reload')
    ok(s.serial() == serial and s.rrsigs('www.example.org', 'A') == before, 'what cannot be written is not served', s.text())
    ok(s.stat('zones_failing') == 1 and s.stat('failures') >= 1, 'the alarm is up')
    ok('cannot be signed' in s.ctl('zones').stdout, '`banyan ctl zones` says so', s.ctl('zones').stdout)
    ok('sign-failed' in s.text() and 'cannot write' in s.text(), 'the log says why', s.text())
    subprocess.run(['prlimit', '--pid', str(s.proc.pid), '--fsize=unlimited:unlimited'], check=True)
    s.ctl('reload')
    ok(s.until(lambda: s.serial() == serial + 1, 5) and s.stat('zones_failing') == 0, 'with room again it is signed', s.text())
    s.stop()


def part_disk_online():
    """The same at the start, for a zone whose signatures are not on the disk."""
    s = Server([('example.org', 'online')], [{'name': 'online', 'denial': 'compact'}])
    s.start()
    serial = s.serial()
    s.stop()
    ok(s.start(wrap=('prlimit', '--fsize=1000:unlimited')) and s.stat('zones_failing') == 1, 'without room it starts', s.text()[-1500:])
    ok(s.rrsigs('www.example.org', 'A') != [] and s.serial() == serial, 'and signs what is asked for', s.ask('www.example.org', 'A'))
    s.stop()


def part_damage():
    """A damaged key store: an error in words, and the last signed zone is served."""
    s = Server([('example.org', 'auto')])
    s.start()
    before = s.rrsigs('www.example.org', 'A')
    s.stop()
    store = s.path('state/keys/data.mdb')
    good = open(store, 'rb').read()
    rnd = random.Random(7)
    for what in ('cut', 'noise', 'empty'):
        data = bytearray(good)
        if what == 'cut':
            data = data[:5000]
        elif what == 'empty':
            data = b'\0' * 100
        else:
            for _ in range(len(data) // 3):
                data[rnd.randrange(len(data))] = rnd.randrange(256)
        with open(store, 'wb') as f:
            f.write(data)
        if not ok(s.start(), f'{what}: the server starts', s.text()[-1500:]):
            continue
        ok(s.rrsigs('www.example.org', 'A') == before, f'{what}: with the last signatures', s.text()[-1500:])
        ok(s.stat('zones_failing') == 1, f'{what}: and an alarm')
        ok(86400 < (s.stat('expires_s') or 0) < 15 * 86400, f'{what}: that tells how long they are good', s.stat('expires_s'))
        ok('sign-failed' in s.text(), f'{what}: and an error in the log')
        r = s.keys('list')
        ok(r.returncode != 0 and 'damaged' in r.stdout + r.stderr, f'{what}: `banyan keys` says that it is damaged', r.stdout + r.stderr)
        s.stop()
    with open(store, 'wb') as f:
        f.write(good)
    s.start()
    ok(s.rrsigs('www.example.org', 'A') == before and s.stat('zones_failing') == 0, 'mended, all is as it was')
    s.stop()
    kept = s.path('kept')
    os.rename(s.path('state/keys'), kept)
    s.start()
    ok(s.rrsigs('www.example.org', 'A') == before and 'keys are not in' in s.text(), 'keys that are gone are not made anew', s.text()[-1500:])
    s.stop()
    shutil.rmtree(s.path('state/keys'))
    os.rename(kept, s.path('state/keys'))
    with open(store, 'wb') as f:
        f.write(b'\0' * 100)
    with open(s.copy(), 'r+') as f:
        text = f.read()
        f.seek(0)
        f.write(text.replace('192.0.2.2', '192.0.2.3', 1))
    ok(not s.start(), 'a copy whose signatures are wrong is not served', s.text()[-1500:])
    s.stop()


def part_clock():
    """A clock far behind signs nothing; the last signatures are served until it comes right."""
    lib = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'
    at = lambda t: ['env', 'LD_PRELOAD=' + lib, 'FAKETIME=' + t]
    probe = subprocess.run([*at('+1d'), BANYAN, 'version'], capture_output=True, text=True)
    if not os.path.exists(lib) or 'AddressSanitizer' in probe.stderr or probe.returncode != 0:
        global points
        points += 1
        print(f'ok {points} - a wrong clock # SKIP no faketime, or a build that it does not work with')
        return
    s = Server([('example.org', 'auto')])
    s.start()
    before = s.rrsigs('www.example.org', 'A')
    s.stop()
    s.edit('example.org', lambda t: t + 'new A 192.0.2.9\n')
    ok(s.start(wrap=at('-30d')), 'it starts with a clock that is a month behind', s.text()[-1500:])
    ok(s.rrsigs('www.example.org', 'A') == before, 'and serves the last signatures')
    ok('set the clock' in s.text(), 'and says what to do', s.text()[-1500:])
    s.stop()
    ok(s.start() and s.serial() == 11, 'with the right time it is signed', s.text()[-1500:])
    s.stop()
    ok(s.start(wrap=at('+30d')) and s.serial() == 12, 'a month ahead everything is signed anew', s.text()[-1500:])
    s.stop()
    ok(s.start(wrap=at('+0d x100')), 'back from there')
    ok(s.until(lambda: s.serial() == 13, 40), 'the clock is believed after a quarter of an hour', s.text()[-1500:])
    s.stop()


def part_turned_on():
    """Signing that cannot begin takes nothing away: a zone that was served unsigned goes on as it is."""
    s = Server([('example.org', 'off')])
    s.write('file', 'no folder')
    s.config['dnssec']['state-dir'] = s.path('file')
    s.save()
    s.start()
    s.config['zones'][0]['dnssec'] = 'auto'
    s.save()
    s.ctl('reload')
    m = s.ask('www.example.org', 'A')
    ok(m.rcode() == dns.rcode.NOERROR and len(m.answer) == 1, 'without a state folder the unsigned zone is served', m)
    ok(s.stat('zones_failing') == 1 and 'sign-failed' in s.text(), 'and the alarm is up', s.text()[-1500:])
    s.stop()


def part_odd():
    """Zones with odd names are kept on disk as others are: a restart goes on with their signatures."""
    zones = {'.'.join(['a'] * 127): 'deep', 'x' * 63 + '.' + 'y' * 63 + '.' + '\\\\' * 60 + '.' + '\\000' * 61: 'bytes', '.': 'root',
             '\\/\\.\\.\\/up.test': 'slash'}
    s = Server([('example.org', 'auto')])
    for name, file in zones.items():
        s.config['zones'].append({'name': name, 'file': file + '.zone', 'dnssec': 'auto'})
        s.write(file + '.zone', '$TTL 300\n@ SOA ns1.example.org. h.example.org. 1 2 3 4 5\n@ NS ns1.example.org.\n@ A 192.0.2.1\n')
    s.save()
    ok(s.start() and s.stat('zones_failing') == 0, 'they are signed', s.text())
    before = [s.rrsigs(n, 'A') for n in zones]
    s.stop()
    ok(s.start() and s.stat('zones_failing') == 0 and [s.rrsigs(n, 'A') for n in zones] == before, 'and go on after a restart', s.text())
    s.stop()


def part_no_file():
    """A pipe or a folder in the place of the signed copy neither stops the server nor is served."""
    s = Server([('example.org', 'auto')])
    s.start()
    before = s.serial()
    s.stop()
    for what, make in (('pipe', os.mkfifo), ('folder', os.mkdir)):
        if os.path.isdir(s.copy()):
            os.rmdir(s.copy())
        else:
            os.unlink(s.copy())
        make(s.copy())
        if not ok(s.start(), f'{what}: the server starts', s.text()[-1500:]):
            s.stop(signal.SIGKILL)
            continue
        ok(s.serial() > before and s.rrsigs('www.example.org', 'A') != [], f'{what}: it signs anew', s.text()[-1500:])
        before = s.serial()
        s.stop()


def part_owner():
    """A state folder that others can write to is refused, with the command that mends it."""
    s = Server([('example.org', 'auto')])
    os.mkdir(s.path('state'))
    os.chmod(s.path('state'), 0o777)
    ok(not s.start(), 'not started')
    ok('chmod' in s.text(), 'the hint names the command', s.text())
    s.stop()
    os.chmod(s.path('state'), 0o700)
    s.start()
    t = Server([('example.org', 'auto')])
    t.config['dnssec']['state-dir'] = s.path('state')
    t.save()
    ok(t.start() and 'another banyand' in t.text() and t.stat('zones_failing') == 1,
       'a second server on the same state folder does not sign', t.text())
    t.stop()
    s.stop()
    ok(t.start() and t.stat('zones_failing') == 0, 'one after the other can', t.text()[-1500:])
    t.stop()


def main():
    words = [a for a in sys.argv[1:] if not a.startswith('-')]
    parts = [part_one_line, part_restart, part_keys, part_tight, part_times, part_late, part_kill, part_disk, part_disk_online, part_damage, part_clock, part_turned_on, part_odd, part_no_file, part_owner]
    if LONG:
        parts.append(part_again)
    for p in parts:
        if not words or any(w in p.__name__ for w in words):
            print(f'# {p.__doc__}')
            p()
    shutil.rmtree(TMP, ignore_errors=True)
    print(f'1..{points}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
