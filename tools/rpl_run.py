#!/usr/bin/python3
"""Plays replay scenarios (.rpl: the text form that testbound of Unbound and Deckard of Knot Resolver read) against
banyand: name servers with the scenario's own addresses on port 53, in a user and network namespace of our own, at the
scenario's own time (libfaketime, so not with a build that has ASan). Needs no root. Prints TAP.

    BANYAN_BUILD=build tools/rpl_run.py [options] FILE.rpl...

For each file a point for every CHECK_ANSWER, one that nothing was asked before the first client did, and one that the
server ended with status 0. A failed check tells what differs. By default records that a resolver may add to an answer
or leave out are not compared: the NS set in the authority section of a positive answer, and the additional section.
"""
import argparse
import calendar
import json
import os
import re
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

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
CLIENT, PORT = '127.0.0.1', 5300
FLAGS = {'QR': dns.flags.QR, 'AA': dns.flags.AA, 'TC': dns.flags.TC, 'RD': dns.flags.RD, 'RA': dns.flags.RA,
         'AD': dns.flags.AD, 'CD': dns.flags.CD}
SECTIONS = ('ANSWER', 'AUTHORITY', 'ADDITIONAL')


# --- reading ----------------------------------------------------------------------------------------

def strip(line, marks=';'):
    """the line without its comment"""
    quoted = False
    for i, c in enumerate(line):
        if c == '"' and (i == 0 or line[i - 1] != '\\'):
            quoted = not quoted
        elif c in marks and not quoted:
            return line[:i]
    return line


def rr(words, ttl_default=3600):
    """(name, ttl, class, type, rdata or None) of the words of a record"""
    name, rest = dns.name.from_text(words[0]), list(words[1:])
    ttl, rdclass = ttl_default, dns.rdataclass.IN
    while rest:
        if re.fullmatch(r'\d+[smhdwSMHDW]?', rest[0]):
            unit = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
            last = rest[0][-1].lower()
            ttl = int(rest[0][:-1]) * unit[last] if last in unit else int(rest[0])
        elif rest[0].upper() in ('IN', 'CH', 'HS', 'CLASS1'):
            rdclass = dns.rdataclass.from_text(rest[0])
        else:
            break
        rest.pop(0)
    kind = dns.rdatatype.from_text(rest[0])
    if len(rest) == 1:
        return name, ttl, rdclass, kind, None
    return name, ttl, rdclass, kind, dns.rdata.from_text(rdclass, kind, ' '.join(rest[1:]), relativize=False)


class Entry:
    """one message of a scenario, with how to match and to change it"""

    def __init__(self):
        self.match, self.adjust, self.reply, self.raw, self.delay = [], [], [], None, 0
        self.question, self.records, self.stands = None, {s: [] for s in SECTIONS}, set()

    def finish(self):
        words = {w.upper() for w in self.reply}
        self.flags = sum(FLAGS[w] for w in words if w in FLAGS)
        self.do = 'DO' in words
        self.rcode, self.opcode = dns.rcode.NOERROR, dns.opcode.QUERY
        for w in words - set(FLAGS) - {'DO'}:
            try:
                self.rcode = dns.rcode.from_text(w)
            except dns.exception.DNSException:
                try:
                    self.opcode = dns.opcode.from_text(w)
                except dns.exception.DNSException:
                    raise ValueError(f'REPLY {w}')

    def sections(self, m):
        for s, out in zip(SECTIONS, (m.answer, m.authority, m.additional)):
            for name, ttl, rdclass, kind, rd in self.records[s]:
                if rd is None:
                    continue
                out_set = m.find_rrset(out, name, rdclass, kind, rd.covers(), create=True)
                out_set.add(rd, ttl)


class Scenario:
    def __init__(self, path):
        self.config, self.ranges, self.steps, self.title = [], [], [], ''
        with open(path, encoding='utf-8', errors='replace') as f:
            self.lines = f.read().splitlines()
        self.at = 0
        self.read_config()
        self.read_body()

    def read_config(self):
        for self.at, line in enumerate(self.lines):
            text = strip(line, ';#').strip()
            if text == 'CONFIG_END':
                self.at += 1
                return
            m = re.match(r'([A-Za-z0-9_-]+):\s*(.*)', text)
            if m:
                self.config.append((m[1], m[2].strip().strip('"\'').strip()))
        raise ValueError('no CONFIG_END')

    def next(self):
        while self.at < len(self.lines):
            line = strip(self.lines[self.at]).strip()
            self.at += 1
            if line:
                return line.split()
        return None

    def read_body(self):
        where = None
        while True:
            w = self.next()
            if w is None or w[0] == 'SCENARIO_END':
                return
            if w[0] == 'SCENARIO_BEGIN':
                self.title = ' '.join(w[1:])
            elif w[0] == 'RANGE_BEGIN':
                where = {'from': int(w[1]), 'to': int(w[2]), 'addresses': [], 'entries': []}
                self.ranges.append(where)
            elif w[0] == 'ADDRESS':
                where['addresses'].append(w[1])
            elif w[0] == 'RANGE_END':
                where = None
            elif w[0] == 'STEP':
                where = {'id': int(w[1]), 'kind': w[2], 'words': w[3:], 'entries': []}
                self.steps.append(where)
            elif w[0] == 'ENTRY_BEGIN' and where is not None:
                where['entries'].append(self.read_entry())

    def read_entry(self):
        e, section = Entry(), None
        while True:
            w = self.next()
            if w is None:
                raise ValueError('no ENTRY_END')
            if w[0] == 'ENTRY_END':
                e.finish()
                return e
            if w[0] == 'MATCH':
                e.match += w[1:]
            elif w[0] == 'ADJUST':
                e.adjust += w[1:]
            elif w[0] == 'REPLY':
                e.reply += w[1:]
            elif w[0] in ('SECTION', 'RAW'):
                section = w[1].upper() if w[0] == 'SECTION' else 'RAW'
                e.stands.add(section)
            elif w[0] in ('HEX_ANSWER_BEGIN', 'HEX_EDNSDATA_BEGIN'):
                data = ''
                while (w2 := self.next()) and not w2[0].endswith('_END'):
                    data += ''.join(w2)
                if w[0] == 'HEX_ANSWER_BEGIN':
                    e.raw = bytes.fromhex(data)
            elif section == 'RAW':
                e.raw = (e.raw or b'') + bytes.fromhex(''.join(w))
            elif section == 'QUESTION':
                e.question = rr(w[:1] + [x for x in w[1:] if not x.isdigit()])
            elif section in SECTIONS:
                while ' '.join(w).count('(') > ' '.join(w).count(')'):
                    w += self.next() or [')']
                e.records[section].append(rr(w))
            else:
                raise ValueError('not understood: ' + ' '.join(w))

    def values(self, *keys):
        return [v for k, v in self.config if k in keys]

    def seconds(self):
        """when the scenario plays, or None"""
        for k, v in self.config:
            if k == 'val-override-timestamp' or k == 'val-override-date' and len(v) < 14:
                return int(v) if int(v) > 0 else None
            if k == 'val-override-date':
                return calendar.timegm(time.strptime(v[:14], '%Y%m%d%H%M%S'))
        return None

    def addresses(self):
        out = {a for r in self.ranges for a in r['addresses']}
        out.update(self.root_addresses())
        return sorted(out)

    def root_addresses(self):
        out, name = [], None
        for k, v in self.config:
            if k == 'name':
                name = v
            elif k == 'stub-addr' and name in (None, '.', ''):
                out.append(v.split('@')[0].strip())
        return out

    def why_not(self):
        """why this cannot be played, or None"""
        zone = None
        for k, v in self.config:
            if k.endswith('-zone') and k.startswith(('stub', 'forward', 'auth', 'local')):
                zone = k
                if k != 'stub-zone':
                    return k
            if k == 'name' and zone == 'stub-zone' and v not in ('.', ''):
                return 'a stub zone that is not the root'
        return None if self.root_addresses() else 'no root server'


# --- matching ---------------------------------------------------------------------------------------

def fits(e, q, tcp):
    """does the question `q` match the entry"""
    name, kind = (q.question[0].name, q.question[0].rdtype) if q.question else (None, None)
    for w in e.match or ('opcode', 'qtype', 'qname'):
        if w == 'opcode' and q.opcode() != e.opcode or w == 'UDP' and tcp or w == 'TCP' and not tcp:
            return False
        if w == 'DO' and not q.ednsflags & dns.flags.DO or w == 'noedns' and q.edns >= 0:
            return False
        if e.question is None:
            continue
        if w in ('qtype', 'question', 'all') and kind != e.question[3]:
            return False
        if w in ('qname', 'question', 'all') and name != e.question[0]:
            return False
        if w == 'subdomain' and (name is None or not name.is_subdomain(e.question[0])):
            return False
    return True


def wire_of(e, q, always_edns):
    """the answer to `q` that the entry makes"""
    if e.raw is not None:
        return struct.pack('!H', q.id) + e.raw[2:] if {'raw_id', 'copy_id'} & set(e.adjust) else e.raw
    m = dns.message.Message(id=q.id)
    m.flags = e.flags
    m.set_opcode(e.opcode)
    if always_edns and q.edns >= 0 or e.do:
        m.use_edns(0, dns.flags.DO if e.do or q.ednsflags & dns.flags.DO else 0, 4096)
    m.set_rcode(e.rcode)
    if e.question is not None and 'copy_query' not in e.adjust:
        name = q.question[0].name if q.question and q.question[0].name == e.question[0] else e.question[0]
        m.question.append(dns.rrset.RRset(name, e.question[2], e.question[3]))
    else:
        m.question += q.question
    e.sections(m)
    return m.to_wire(max_size=65535)


# --- the name servers -------------------------------------------------------------------------------

class Servers(threading.Thread):
    def __init__(self, scenario, options):
        super().__init__(daemon=True)
        self.s, self.o, self.step, self.seen, self.missed = scenario, options, 0, [], []
        self.sel = selectors.DefaultSelector()
        for a in scenario.addresses():
            family = socket.AF_INET6 if ':' in a else socket.AF_INET
            u, t = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
            t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            u.bind((a, 53))
            t.bind((a, 53))
            t.listen(16)
            self.sel.register(u, selectors.EVENT_READ, (a, False))
            self.sel.register(t, selectors.EVENT_READ, (a, True))

    def run(self):
        while True:
            for key, _ in self.sel.select():
                address, tcp = key.data
                try:
                    if tcp:
                        c, _ = key.fileobj.accept()
                        threading.Thread(target=self.serve_tcp, args=(c, address), daemon=True).start()
                        continue
                    data, peer = key.fileobj.recvfrom(65535)
                    out = self.answer(data, address, False)
                    if out is not None:
                        key.fileobj.sendto(out, peer)
                except OSError:
                    pass

    def serve_tcp(self, c, address):
        c.settimeout(10)
        try:
            with c, c.makefile('rb') as f:
                while len(head := f.read(2)) == 2:
                    out = self.answer(f.read(struct.unpack('!H', head)[0]), address, True)
                    if out is not None:
                        c.sendall(struct.pack('!H', len(out)) + out)
        except OSError:
            pass

    def find(self, q, address, tcp):
        for r in self.s.ranges:
            if r['from'] <= self.step <= r['to'] and (not r['addresses'] or address in r['addresses']):
                for e in r['entries']:
                    if fits(e, q, tcp):
                        return e
        for st in self.s.steps:
            if st['kind'] == 'REPLY' and st['id'] >= self.step and st['entries'] and fits(st['entries'][0], q, tcp):
                return st['entries'].pop()
        return None

    def answer(self, data, address, tcp):
        try:
            q = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        e = self.find(q, address, tcp)
        what = '%s %s' % ((q.question[0].name, dns.rdatatype.to_text(q.question[0].rdtype)) if q.question else ('?', '?'))
        self.seen.append((self.step, f'{address}{" tcp" if tcp else ""}: {what}', e is not None))
        if e is None:
            if self.o.unmatched == 'drop':
                return None
            m = dns.message.make_response(q)
            m.set_rcode(dns.rcode.from_text(self.o.unmatched.upper()))
            return m.to_wire()
        wire = wire_of(e, q, not self.o.plain)
        if not tcp and len(wire) > (max(q.payload, 512) if q.edns >= 0 else 512):
            m = dns.message.make_response(q)
            m.flags |= dns.flags.TC
            return m.to_wire()
        return wire


# --- the resolver -----------------------------------------------------------------------------------

def find(word):
    for d in ('', 'src/app'):
        p = os.path.join(BUILD, d, word)
        if os.access(p, os.X_OK):
            return os.path.abspath(p)
    sys.exit(f'Bail out! no {word} in {BUILD}')


def root_names(s):
    """names of the root servers, as the scenario's own root says"""
    names = {}
    for r in s.ranges:
        for e in r['entries']:
            for section in SECTIONS:
                for name, _, _, kind, rd in e.records[section]:
                    if kind in (dns.rdatatype.A, dns.rdatatype.AAAA) and rd is not None:
                        names.setdefault(rd.address, name)
    return names


class Resolver:
    def __init__(self, s, options, folder):
        self.s, self.o, self.folder = s, options, folder
        self.offset = (s.seconds() - int(time.time())) if s.seconds() is not None else 0
        names = root_names(s)
        with open(self.path('hints'), 'w') as f:
            for i, a in enumerate(s.root_addresses()):
                name = names.get(a, f'root{i}.invalid.')
                f.write(f'. 3600000 IN NS {name}\n{name} 3600000 IN {"AAAA" if ":" in a else "A"} {a}\n')
        self.anchors = []
        for i, text in enumerate(s.values('trust-anchor')):
            name, ttl, _, kind, rd = rr(strip(text).split())
            self.anchors.append(self.path(f'anchor{i}'))
            with open(self.anchors[-1], 'w') as f:
                f.write(f'{name} {ttl} IN {dns.rdatatype.to_text(kind)} {rd.to_text()}\n')

    def path(self, word):
        return os.path.join(self.folder, word)

    def minimise(self):
        if self.o.minimise != 'file':
            return self.o.minimise
        said = self.s.values('query-minimization', 'qname-minimisation')
        return 'no' if said and said[0] in ('no', 'off', 'false') else 'yes'

    def write_banyan(self):
        six = self.s.values('do-ip6') != ['no'] and any(':' in a for a in self.s.addresses())
        lines = ['server:', f'  listen: [ "{CLIENT}@{PORT}" ]', '  workers: 1', 'control:', '  socket: ""', 'log:',
                 '  level: debug', 'resolver:', '  enabled: yes', f'  root-hints: {self.path("hints")}', '  rsa-sha1: yes',
                 f'  minimise: {self.minimise()}', f'  ipv6: {"yes" if six else "no"}']
        aggressive = self.s.values('aggressive-nsec')
        if aggressive:
            lines.append(f'  aggressive: {aggressive[0]}')
        if self.s.values('do-not-query-localhost') in (['no'], ['off']):
            lines.append('  query-loopback: yes')
        if self.anchors:
            lines += ['  trust-anchors:'] + [f'    - file: {a}' for a in self.anchors]
        else:
            lines.append('  validate: no')    # the root's name servers are the Internet's: its keys would be asked for
        insecure = self.s.values('domain-insecure')
        if insecure:
            lines += ['  negative-trust-anchors:'] + [f'    - name: {n}' for n in insecure]
        for word in self.o.set:
            lines.append('  ' + word.replace('=', ': ', 1))
        with open(self.path('banyan.conf'), 'w') as f:
            f.write('\n'.join(lines) + '\n')
        return [find('banyand'), '--config', self.path('banyan.conf')]

    def write_unbound(self):
        """Unbound at our place: whether it is the scenario, or we, that is wrong"""
        lines = ['server:', f'interface: {CLIENT}', f'port: {PORT}', 'use-syslog: no', 'chroot: ""', 'username: ""', 'pidfile: ""',
                 f'directory: {self.folder}', 'do-daemonize: no', 'trust-anchor-signaling: no', 'minimal-responses: no',
                 f'qname-minimisation: {self.minimise()}', f'root-hints: {self.path("hints")}', 'module-config: "validator iterator"',
                 'num-threads: 1', 'do-not-query-localhost: yes', 'verbosity: 3', 'log-time-ascii: yes', 'aggressive-nsec: yes']
        if self.s.seconds() is not None:
            lines.append(f'val-override-date: "{time.strftime("%Y%m%d%H%M%S", time.gmtime(self.s.seconds()))}"')
        lines += [f'trust-anchor-file: {a}' for a in self.anchors]
        lines += [f'domain-insecure: {n}' for n in self.s.values('domain-insecure')]
        with open(self.path('unbound.conf'), 'w') as f:
            f.write('\n'.join(lines) + '\nremote-control:\ncontrol-enable: no\n')
        return ['unbound', '-d', '-p', '-c', self.path('unbound.conf')]

    def start(self):
        env = dict(os.environ)
        argv = self.write_unbound() if self.o.unbound else self.write_banyan()
        if not self.o.unbound and not self.o.real_time:
            self.set_clock()
            env.update(LD_PRELOAD=FAKETIME, FAKETIME_TIMESTAMP_FILE=self.path('clock'), FAKETIME_NO_CACHE='1')
            if self.o.wall_only:
                env['FAKETIME_DONT_FAKE_MONOTONIC'] = '1'
        self.log = open(self.path('log'), 'w+b')
        self.process = subprocess.Popen(argv, env=env, stdout=self.log, stderr=self.log)
        end = time.time() + 10
        while time.time() < end and self.process.poll() is None:
            with socket.socket() as t:
                if t.connect_ex((CLIENT, PORT)) == 0:
                    return True
            time.sleep(0.05)
        return False

    def set_clock(self, more=0):
        self.offset += more
        with open(self.path('clock.new'), 'w') as f:
            f.write(f'{self.offset:+d}\n')
        os.rename(self.path('clock.new'), self.path('clock'))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return 'none: it had to be killed'

    def text(self):
        with open(self.path('log'), errors='replace') as f:
            return f.read()


# --- playing ----------------------------------------------------------------------------------------

def keys(records, wanted=lambda name, kind, covers: True):
    out = set()
    for name, _, _, kind, rd in records:
        if rd is not None and wanted(name, kind, rd.covers()):
            out.add((name, dns.rdatatype.to_text(kind), rd.to_text().lower() if kind != 46 else rd.to_text()))
    return out


def records_of(rrsets):
    return [(s.name, s.ttl, s.rdclass, s.rdtype, rd) for s in rrsets for rd in s]


def show(things):
    return '\n'.join('    %s %s %.60s' % (n, k, d) for n, k, d in sorted(things, key=str)) or '    (nothing)'


def compare(e, got, strict):
    """[what differs, one text each]"""
    out, match = [], list(e.match) or ['all']
    if 'all' in match:
        match += ['flags', 'rcode', 'question'] + [s.lower() for s in SECTIONS if s in e.stands]
    if 'flags' in match:
        mask = sum(FLAGS.values())
        if got.flags & mask != e.flags & mask:
            out.append(f'flags: wanted {dns.flags.to_text(e.flags)}, got {dns.flags.to_text(got.flags & mask)}')
    if 'rcode' in match and got.rcode() != e.rcode:
        out.append(f'rcode: wanted {dns.rcode.to_text(e.rcode)}, got {dns.rcode.to_text(got.rcode())}')
    if 'opcode' in match and got.opcode() != e.opcode:
        out.append(f'opcode: got {dns.opcode.to_text(got.opcode())}')
    q = got.question[0] if got.question else None
    if e.question and {'question', 'qname', 'qtype'} & set(match):
        if q is None or 'qtype' not in match and q.name != e.question[0] or 'qname' not in match and q.rdtype != e.question[3]:
            out.append(f'question: got {q}')
    if e.do and not got.ednsflags & dns.flags.DO and strict:
        out.append('no DO in the answer')
    positive = 'answer' in match and any(r[4] is not None for r in e.records['ANSWER'])
    for section, have in zip(SECTIONS, (got.answer, got.authority, got.additional)):
        word = section.lower()
        if word not in match or section == 'ADDITIONAL' and not strict:
            continue
        wanted = (lambda n, k, c: True) if strict or section != 'AUTHORITY' or not positive else \
            (lambda n, k, c: dns.rdatatype.NS not in (k, c))
        a, b = keys(e.records[section], wanted), keys(records_of(have), wanted)
        if a != b:
            out.append(f'{word}: missing\n{show(a - b)}\n  too much\n{show(b - a)}')
    for w in match:
        if w.startswith('ede=') and w != 'ede=any':
            codes = [int(o.code) for o in got.options if isinstance(o, dns.edns.EDEOption)]
            if int(w[4:]) not in codes:
                out.append(f'EDE: wanted {w[4:]}, got {codes}')
    return out


def ask(e, timeout):
    """the answer to the client's question, or None"""
    m = dns.message.Message()
    m.flags = e.flags
    m.set_opcode(e.opcode)
    if e.question:
        m.question.append(dns.rrset.RRset(e.question[0], e.question[2], e.question[3]))
    if e.do:
        m.use_edns(0, dns.flags.DO, 4096)
    try:
        r = dns.query.udp(m, CLIENT, timeout, PORT)
        return dns.query.tcp(m, CLIENT, timeout, PORT) if r.flags & dns.flags.TC else r
    except (dns.exception.DNSException, OSError) as x:
        return str(x) or type(x).__name__


def check(step, got, o):
    e = step['entries'][0]
    if not isinstance(got, dns.message.Message):
        return [f'no answer: {got}']
    out = compare(e, got, o.strict)
    if out:
        out += ['EDE %d %s' % (int(x.code), x.text) for x in got.options if isinstance(x, dns.edns.EDEOption)]
    return out


def play(s, o, servers, resolver, points):
    got = None
    for st in s.steps:
        servers.step = st['id']
        if st['kind'] == 'QUERY' and st['entries']:
            got = ask(st['entries'][0], o.timeout)
        elif st['kind'] == 'CHECK_ANSWER' and st['entries']:
            bad = check(st, got, o)
            points.append([not bad, f'step {st["id"]}', '\n'.join(bad)])
        elif st['kind'] == 'TIME_PASSES':
            resolver.set_clock(int(float(st['words'][-1])))
        elif st['kind'] in ('CHECK_OUT_QUERY', 'TIMEOUT', 'NOTHING', 'REPLY', 'ERROR', 'TRAFFIC', 'CHECK_AUTOTRUST', 'INFRA_RTT'):
            continue
        else:
            points.append([None, f'step {st["id"]} {st["kind"]}', 'this kind of step is not played'])


def set_up(s):
    batch = 'link set lo up\n'
    for a in s.addresses():
        if not a.startswith('127.') and a != '::1':
            batch += f'addr add {a}/{"128" if ":" in a else "32"} dev lo{" nodad" if ":" in a else ""}\n'
    subprocess.run(['ip', '-force', '-batch', '-'], input=batch, text=True, check=True, stdout=subprocess.DEVNULL)


def inside(path, o):
    """one scenario, in the namespace: prints its points as JSON"""
    points = []
    s = Scenario(path)
    why = s.why_not()
    if why:
        print(json.dumps([[None, 'all of it', why]]))
        return
    set_up(s)
    folder = tempfile.mkdtemp(prefix='banyan-rpl-')
    resolver, servers = Resolver(s, o, folder), Servers(s, o)
    servers.start()
    up = resolver.start()
    if not up:
        points.append([False, 'the resolver starts', resolver.text()[-2000:]])
    else:
        time.sleep(0.3)
        early = list(servers.seen)
        points.append([True if o.unbound else not early, 'quiet until a client asks', str(early)])
        play(s, o, servers, resolver, points)
    code = resolver.stop()
    points.append([code == 0, 'ends with status 0', f'{code}\n{resolver.text()[-2000:]}'])
    if o.verbose or any(p[0] is False for p in points):
        asked = '\n'.join(f'{step}: {what}{"" if hit else "   <- not in the scenario"}' for step, what, hit in servers.seen)
        points.append(['note', 'asked', asked])
    if o.verbose:
        points.append(['note', 'log', resolver.text()[-o.verbose * 4000:]])
    shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(points))


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('files', nargs='+')
    p.add_argument('-m', '--minimise', choices=('yes', 'no', 'file', 'both'), default='both', help='query name minimisation')
    p.add_argument('--strict', action='store_true', help='compare every record of every section')
    p.add_argument('--plain', action='store_true', help='answers have EDNS only where the scenario says DO (as testbound)')
    p.add_argument('--unmatched', choices=('servfail', 'refused', 'drop', 'noerror'), default='servfail',
                   help='what a question gets that the scenario does not know')
    p.add_argument('--set', action='append', default=[], metavar='OPTION=VALUE', help='one more line under resolver:')
    p.add_argument('--wall-only', action='store_true', help='leave the monotonic clock as it is')
    p.add_argument('--real-time', action='store_true', help='no faketime at all')
    p.add_argument('--unbound', action='store_true', help='play against Unbound instead, to see what the scenario is worth')
    p.add_argument('--timeout', type=float, default=20)
    p.add_argument('-v', '--verbose', action='count', default=0, help='what was asked, and the end of the log')
    p.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    return p.parse_args()


def main():
    o = options()
    if o.inside:
        inside(o.files[0], o)
        return 0
    find('banyand')
    if subprocess.run(['unshare', '-Urn', 'true'], capture_output=True).returncode != 0 or not shutil.which('ip'):
        print('1..0 # SKIP no user namespaces, or no ip(8)')
        return 0
    if not os.path.exists(FAKETIME) and not o.real_time and not o.unbound:
        print('1..0 # SKIP no libfaketime')
        return 0
    count = failed = 0
    given = [a for a in sys.argv[1:] if a not in o.files]
    for path in o.files:
        for mode in ('yes', 'no') if o.minimise == 'both' else (o.minimise,):
            argv = [sys.executable, os.path.abspath(__file__), '--inside', *given, '--minimise', mode, path]
            r = subprocess.run(['unshare', '-Urn', *argv], capture_output=True, text=True)
            try:
                points = json.loads(r.stdout)
            except ValueError:
                points = [[False, 'is played', r.stderr[-1500:]]]
            for good, what, detail in points:
                name = f'{os.path.basename(path)} (minimise {mode}): {what}'
                if good != 'note':
                    count += 1
                    failed += good is False
                    print(f'{"not ok" if good is False else "ok"} {count} - {name}' + (f' # SKIP {detail}' if good is None else ''))
                if good in (False, 'note'):
                    for line in detail.splitlines():
                        print(f'# {what + ": " if good == "note" else ""}{line}')
                sys.stdout.flush()
    print(f'1..{count}')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
