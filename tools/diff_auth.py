#!/usr/bin/env python3
"""Compares Banyan's authoritative answers with those of NSD, Knot DNS and BIND on the same zones.

Random and corner-case zones are made from a seed, served by all on loopback, and asked the same
questions; answers are compared by meaning (sets of records, flags, RCODE, OPT), not byte by byte.
What may differ, and why, stands in ACCEPTED below. Exits 1 if any difference is left unexplained.

    tools/diff_auth.py [--seed N] [--zones N] [--queries N] [--banyan PROGRAM] [--peers nsd,knot,bind]

PROGRAM is banyand (run with a generated configuration), or anything else that takes
"PORT zone=file ...". Peers come from Debian's packages nsd, knot and bind9; one that is not
installed is left out.
"""
import argparse
import collections
import copy
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'RP': 17, 'AFSDB': 18, 'AAAA': 28, 'LOC': 29, 'SRV': 33,
         'NAPTR': 35,
         'DNAME': 39, 'DS': 43, 'RRSIG': 46, 'NSEC': 47, 'DNSKEY': 48, 'HTTPS': 65, 'ANY': 255,
         'CAA': 257, 'TYPE65280': 65280}
TYPE_NAMES = {v: k for k, v in TYPES.items()}
RCODES = {0: 'NOERROR', 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 4: 'NOTIMP', 5: 'REFUSED',
          6: 'YXDOMAIN', 9: 'NOTAUTH', 16: 'BADVERS', 23: 'BADCOOKIE'}
# Where names stand inside RDATA: bytes before the first, how many, bytes behind.
RDATA_NAMES = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 17: (0, 2), 18: (2, 1), 33: (6, 1), 39: (0, 1), 64: (2, 1), 65: (2, 1)}


# --- wire format -------------------------------------------------------------------------------

def name_wire(text):
    out = b''
    for label in re.findall(r'(?:\\\d\d\d|\\.|[^.\\])+', text):
        raw = re.sub(r'\\(\d\d\d|.)', lambda m: chr(int(m[1])) if m[1].isdigit() else m[1], label)
        out += bytes([len(raw)]) + raw.encode('latin1')
    return out + b'\0'


def name_read(msg, off):
    labels, jumped, hops = [], None, 0
    while True:
        n = msg[off]
        if n >= 0xc0:
            if jumped is None:
                jumped = off + 2
            off = (n & 0x3f) << 8 | msg[off + 1]
            hops += 1
            if hops > 128:
                raise ValueError('pointer loop')
            continue
        off += 1
        if n == 0:
            return '.'.join(labels) + '.', jumped if jumped is not None else off
        labels.append(msg[off:off + n].decode('latin1').lower().replace('.', '\\.'))
        off += n


def rdata_read(msg, rtype, off, length):
    if rtype not in RDATA_NAMES:
        return msg[off:off + length].hex()
    before, names = RDATA_NAMES[rtype]
    out, at = [msg[off:off + before].hex()], off + before
    for _ in range(names):
        name, at = name_read(msg, at)
        out.append(name)
    out.append(msg[at:off + length].hex())
    return ' '.join(x for x in out if x)


class Answer:
    """One response, taken apart."""

    def __init__(self, wire):
        self.wire = wire
        ident, self.flags, qd, an, ns, ar = struct.unpack('>6H', wire[:12])
        self.rcode = self.flags & 15
        off, self.question, self.opt, self.do = 12, None, False, False
        for _ in range(qd):
            start = off
            _, off = name_read(wire, off)
            off += 4
            self.question = wire[start:off]
        self.sections = []
        for count in (an, ns, ar):
            records = []
            for _ in range(count):
                owner, off = name_read(wire, off)
                rtype, rclass, ttl, length = struct.unpack('>HHIH', wire[off:off + 10])
                off += 10
                if rtype == 41:
                    self.opt, self.do = True, bool(ttl & 0x8000)
                    self.rcode |= ttl >> 24 << 4
                else:
                    records.append((owner, rtype, ttl, rdata_read(wire, rtype, off, length)))
                off += length
            self.sections.append(frozenset(records))
            self.duplicates = len(records) != len(set(records))
        self.trailing = len(wire) - off
        self.ident = ident

    def bit(self, mask):
        return bool(self.flags & mask)

    aa = property(lambda self: self.bit(0x400))
    tc = property(lambda self: self.bit(0x200))
    answer = property(lambda self: self.sections[0])
    authority = property(lambda self: self.sections[1])
    additional = property(lambda self: self.sections[2])

    def text(self):
        lines = ['%s aa=%d tc=%d flags=%04x opt=%d size=%d' % (RCODES.get(self.rcode, self.rcode), self.aa,
                                                               self.tc, self.flags, self.opt, len(self.wire))]
        for name, section in zip(('an', 'au', 'ad'), self.sections):
            for owner, rtype, ttl, rdata in sorted(section)[:8]:
                lines.append('    %s %s %d %s %s' % (name, owner, ttl, TYPE_NAMES.get(rtype, rtype), rdata[:80]))
            if len(section) > 8:
                lines.append('    %s ... %d in all' % (name, len(section)))
        return '\n'.join(lines)


class Query:
    def __init__(self, name, rtype, edns=None, do=False, tcp=False, flags=0, rclass=1, opcode=0, version=0,
                 options=b'', raw=None):
        self.name, self.rtype, self.edns, self.do, self.tcp = name, rtype, edns, do, tcp
        self.rclass, self.opcode, self.version = rclass, opcode, version
        wire = struct.pack('>6H', 0x1357, flags | opcode << 11, 1, 0, 0, 0 if edns is None else 1)
        wire += name_wire(name) + struct.pack('>HH', rtype, rclass)
        if edns is not None:
            wire += struct.pack('>BHHBBHH', 0, 41, edns, 0, version, 0x8000 if do else 0, len(options)) + options
        self.wire = raw if raw is not None else wire

    def flags_say_drop(self):
        return len(self.wire) < 12 or self.wire[2] & 0x80

    def over_tcp(self):
        q = copy.copy(self)
        q.tcp = True
        return q

    def text(self):
        words = [self.name, TYPE_NAMES.get(self.rtype, str(self.rtype))]
        if self.rclass != 1:
            words.append('class=%d' % self.rclass)
        if self.opcode:
            words.append('opcode=%d' % self.opcode)
        if self.edns is not None:
            words.append('size=%d%s%s' % (self.edns, ' do' if self.do else '',
                                          ' version=%d' % self.version if self.version else ''))
        return ' '.join(words + ['tcp'] * self.tcp)


# --- zones -------------------------------------------------------------------------------------

class Zone:
    """Text of a random zone that all four servers accept, and names worth asking for."""

    def __init__(self, rng, origin, others):
        self.rng, self.origin, self.others = rng, origin, others
        self.has_child = 'sub.' + origin in others
        self.records, self.types = [], collections.defaultdict(set)
        self.serial = rng.randrange(1, 2 ** 31)
        self.build()

    def add(self, owner, rtype, rdata, ttl=300):
        self.records.append((owner, ttl, rtype, rdata))
        self.types[owner].add(rtype)

    def absolute(self, owner):
        return self.origin if owner == '@' else owner + '.' + self.origin

    def random_name(self):
        labels = ['a', 'b', 'c', 'd', 'www', 'mail', 'x', '_tcp', '*', 'MiXeD', 'l' * 60, '0', 'e-f']
        return '.'.join(self.rng.choice(labels) for _ in range(self.rng.choice((1, 1, 1, 2, 2, 3, 4))))

    def below(self, owner, rtype):
        """Is owner below a name that has this type?"""
        labels = owner.split('.')
        return any(rtype in self.types.get('.'.join(labels[i:]), ()) for i in range(1, len(labels)))

    def target(self):
        kind = self.rng.random()
        if kind < 0.6 and self.records:
            return self.absolute(self.rng.choice(self.records)[0])
        if kind < 0.8:
            return self.absolute(self.random_name())
        if kind < 0.9 and self.others:
            return self.random_name() + '.' + self.rng.choice(self.others)
        return 'host.outside.invalid.'

    def address(self, rtype):
        n = self.rng.randrange(1, 255)
        return '192.0.2.%d' % n if rtype == 'A' else '2001:db8::%x' % n

    def build(self):
        rng = self.rng
        self.add('@', 'SOA', 'ns1 host %d 7200 3600 1209600 %d' % (self.serial, rng.choice((60, 300, 3600))),
                 rng.choice((60, 300, 7200)))
        self.add('@', 'NS', 'ns1')
        if rng.random() < 0.5:
            self.add('@', 'NS', 'ns.outside.invalid.')
        self.add('ns1', 'A', self.address('A'))
        if rng.random() < 0.5:
            self.add('ns1', 'AAAA', self.address('AAAA'))
        if self.has_child:
            self.cut('sub')
        for _ in range(rng.randrange(10, 60)):
            self.owner(self.random_name())

    def owner(self, name):
        rng = self.rng
        # Data below a DNAME is an error for Knot; below a cut only glue is made.
        if len(name_wire(self.absolute('nsxx.' + name))) > 255:
            return
        if self.below(name, 'DNAME') or 'CNAME' in self.types[name]:
            return
        if self.below(name, 'NS') or 'NS' in self.types[name]:
            self.add(name, rng.choice(('A', 'AAAA')), self.address('A'))
            self.records[-1] = self.records[-1][:3] + (self.address(self.records[-1][2]),)
            return
        has_children = any(o.endswith('.' + name) for o in list(self.types) if self.types[o])
        kind = rng.random()
        if kind < 0.15 and not self.types[name]:
            self.add(name, 'CNAME', self.target())
        elif kind < 0.25 and not self.types[name] and not has_children and not name.startswith('*'):
            self.cut(name)
        elif kind < 0.31 and not has_children and not name.startswith('*') and 'DNAME' not in self.types[name]:
            self.add(name, 'DNAME', self.target())
        else:
            for _ in range(rng.choice((1, 1, 2, 3))):
                self.data(name)

    def cut(self, name):
        rng = self.rng
        for i in range(rng.choice((1, 2, 2, 3, 14))):
            kind = rng.random()
            server = 'ns%d.%s' % (i, name) if kind < 0.5 else 'host.outside.invalid.' if kind < 0.6 else \
                self.target() if kind < 0.9 else 'ns1'
            if (name, 300, 'NS', server) in self.records:
                continue
            self.add(name, 'NS', server)
            if kind < 0.5:
                self.add('ns%d.%s' % (i, name), 'A', self.address('A'))
                if rng.random() < 0.5:
                    self.add('ns%d.%s' % (i, name), 'AAAA', self.address('AAAA'))
        if rng.random() < 0.3:
            self.add(name, 'DS', '%d 13 2 %s' % (rng.randrange(65536), '%064X' % rng.getrandbits(256)))

    def data(self, name):
        rng = self.rng
        rtype = rng.choice(('A', 'A', 'AAAA', 'TXT', 'MX', 'SRV', 'PTR', 'HTTPS', 'CAA', 'TYPE65280'))
        if rtype in self.types[name]:
            return
        if rtype in ('A', 'AAAA'):
            for n in rng.sample(range(1, 250), rng.choice((1, 1, 2, 3, 30, 90))):
                self.add(name, rtype, '192.0.2.%d' % n if rtype == 'A' else '2001:db8::%x' % n)
        elif rtype == 'TXT':
            for i in range(rng.choice((1, 1, 2, 8))):
                self.add(name, rtype, '"%d %s"' % (i, 't' * rng.choice((1, 20, 200))))
        elif rtype in ('MX', 'SRV'):
            for i in range(rng.choice((1, 2, 3, 16))):
                self.add(name, rtype, ('%d ' % i if rtype == 'MX' else '%d 1 53 ' % i) + self.target())
        elif rtype == 'PTR':
            self.add(name, rtype, self.target())
        elif rtype == 'HTTPS':
            self.add(name, rtype, rng.choice(('0 ' + self.target(), '1 . alpn=h2', '1 ' + self.target())))
        elif rtype == 'CAA':
            self.add(name, rtype, '0 issue "ca.invalid"')
        else:
            self.add(name, rtype, '\\# 4 01020304')

    def text(self):
        lines = ['$ORIGIN %s' % self.origin]
        seen = set()
        for record in self.records:
            if record not in seen:
                seen.add(record)
                lines.append('%s %d IN %s %s' % record)
        return '\n'.join(lines) + '\n'

    def names(self):
        """Names in the zone, beside, below and above them."""
        rng, out = self.rng, ['@']
        for owner in self.types:
            out.append(owner)
            labels = owner.split('.')
            if len(labels) > 1:
                out.append('.'.join(labels[1:]))
            if len(owner) < 150:
                out += ['below.' + owner, 'q.*.' + owner, 'B.' + owner]
            out.append('.'.join(['other'] + labels[1:]))
        out += ['nothing.at.all', '*', self.random_name()]
        rng.shuffle(out)
        return [self.absolute(o) for o in out]


LABEL63 = 'm' * 63
CORNERS = r"""
@ 60 SOA ns1 host 9 7200 3600 1209600 30
@ 60 NS ns1
ns1 60 A 192.0.2.1
\\000\\255 60 TXT "odd bytes"
a\\.b 60 TXT "a dot inside"
UPPER 60 CNAME lower
lower 60 A 192.0.2.2
{l}.{l}.{l} 60 A 192.0.2.3
deep.{d} 60 A 192.0.2.4
*.wc 60 CNAME *.wc2
*.wc2 60 A 192.0.2.6
cut 60 NS cut
cut 60 A 192.0.2.7
cut 60 TXT "beside the cut"
occluded.cut 60 CNAME lower
in.occluded.cut 60 MX 1 lower
ent.ent2 60 A 192.0.2.8
nscname 60 NS UPPER
mxself 60 MX 1 mxself
mxself 60 A 192.0.2.9
mxstar 60 MX 1 q.wc2
mxstar2 60 MX 1 *.wc2
srvdot 60 SRV 0 0 0 .
mxdot 60 MX 0 .
nsds 60 NS ns1
nsds 60 DS 1 13 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
below.nsds 60 NS ns1
dn 60 DNAME dn2
dn2 60 DNAME lower
dncut 60 DNAME sub.cut
dnent 60 DNAME ent2
dnwild 60 DNAME wc
cnwild 60 CNAME x.wc
cncut 60 CNAME x.cut
cnself 60 CNAME cnself
cnroot 60 CNAME .
ptr 60 PTR lower
svc 60 HTTPS 1 . alpn=h2
svc 60 A 192.0.2.10
alias 60 HTTPS 0 svc
rp 60 RP host txt.rp
afs 60 AFSDB 1 lower
naptr 60 NAPTR 1 1 "s" "x" "" _s._udp
loc 60 LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
"""


class Corners(Zone):
    """What chance does not make often: odd bytes, longest names, wildcards at cuts, occluded and huge data."""

    def build(self):
        text = CORNERS.replace('{l}', LABEL63).replace('{d}', '.'.join('x' * 60)).replace('\\\\', '\\')
        for line in text.strip().split('\n'):
            owner, ttl, rtype, rdata = line.split(' ', 3)
            self.add(owner, rtype, rdata, int(ttl))
        for i in range(200):
            self.add('big', 'TXT', '"%d %s"' % (i, 'b' * 200), 60)
        for i in range(60):
            self.add('many', 'MX', '%d h%d.a-rather-long-name-of-a-mail-exchange.many' % (i, i), 60)
            self.add('h%d.a-rather-long-name-of-a-mail-exchange.many' % i, 'A', '192.0.2.%d' % (i + 1), 60)
        for i in range(40):
            self.add('wide', 'NS', 'ns%d.wide' % i, 60)
            self.add('ns%d.wide' % i, 'A', '192.0.2.%d' % (i + 1), 60)

    def names(self):
        return super().names() + [self.absolute(n) for n in (
            'q.wc', 'q.r.wc', 'x.\\000\\255', LABEL63 + '.' + LABEL63, 'x.deep', 'sub.dn',
            'a.b', 'sub.dncut', 'ent.dnent', 'x.dnwild', 'x.x', 'sub.sub.cut')] * 3


def random_queries(rng, zones, count):
    names = [n for z in zones for n in z.names() if len(name_wire(n)) <= 255]
    types = ['A', 'A', 'A', 'AAAA', 'NS', 'CNAME', 'SOA', 'MX', 'TXT', 'SRV', 'PTR', 'DNAME', 'DS', 'ANY', 'HTTPS',
             'RRSIG', 'NSEC', 'DNSKEY', 'CAA', 'TYPE65280']
    for _ in range(count):
        name = rng.choice(names)
        if rng.random() < 0.1:
            name = ''.join(c.upper() if rng.random() < 0.5 else c for c in name)
        edns = rng.choice((None, None, 512, 1232, 1232, 4096, 100))
        yield Query(name, TYPES[rng.choice(types)], edns=edns, do=edns is not None and rng.random() < 0.3,
                    tcp=rng.random() < 0.1, flags=rng.choice((0, 0, 0x100, 0x10, 0x20)))


def protocol_queries(zone):
    """Questions about the protocol itself (RFC 8906 and its relatives)."""
    name = zone.absolute('ns1')
    for flags in (0x100, 0x20, 0x10, 0x40, 0x80, 0x400, 0x200):
        yield Query(name, 1, flags=flags)
    for rtype in (0, 41, 128, 200, 249, 250, 253, 254, 1000, 65535):
        yield Query(name, rtype)
    for rclass in (0, 2, 3, 4, 254, 255, 4000):
        yield Query(name, 1, rclass=rclass)
        yield Query(zone.origin, 6, rclass=rclass)
    for opcode in (1, 2, 3, 6, 15):
        yield Query(name, 1, opcode=opcode)
        yield Query(name, 1, opcode=opcode, raw=struct.pack('>6H', 0x1357, opcode << 11, 0, 0, 0, 0))
    for version in (1, 100, 255):
        yield Query(name, 1, edns=1232, version=version)
        yield Query(name, 1, edns=1232, version=version, options=struct.pack('>HH', 100, 0))
    for options in (struct.pack('>HH', 100, 0), struct.pack('>HH2s', 100, 2, b'ab'), struct.pack('>HH', 3, 0),
                    struct.pack('>HH3s', 10, 3, b'abc'), struct.pack('>HHHBB2s', 8, 6, 1, 16, 0, b'\1\2'),
                    struct.pack('>HHHBB2s', 8, 6, 9, 16, 0, b'\1\2'), struct.pack('>HH', 100, 9)):
        yield Query(name, 1, edns=1232, options=options)
    opt = b'\0' + struct.pack('>HHIH', 41, 1232, 0, 0)
    question = name_wire(name) + struct.pack('>HH', 1, 1)
    for header, body in (((0, 0, 0, 0), b''), ((2, 0, 0, 0), question * 2), ((1, 0, 0, 2), question + opt * 2),
                         ((1, 1, 0, 0), question + opt), ((1, 0, 0, 1), question + b'\1a' + opt),
                         ((1, 0, 0, 0), question[:-2]), ((1, 0, 0, 0), b'\xc0\x0c\0\1\0\1'),
                         ((1, 0, 0, 1), question), ((1, 0, 0, 0), question + b'trailing')):
        yield Query(name, 1, raw=struct.pack('>6H', 0x1357, 0, *header) + body)
    yield Query('elsewhere.invalid.', 1)
    yield Query('elsewhere.invalid.', 1, edns=1232)
    yield Query('.', 2)
    yield Query(zone.origin, 6, flags=0x8000)
    yield Query(name, 1, edns=0xffff)


# --- servers -----------------------------------------------------------------------------------

def free_port():
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u, socket.socket() as t:
            u.bind(('127.0.0.1', 0))
            port = u.getsockname()[1]
            try:
                t.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue


class Server:
    def __init__(self, name, directory, zones, program):
        self.name, self.port, self.program = name, free_port(), program
        self.dir = os.path.join(directory, name)
        os.mkdir(self.dir)
        self.log = open(os.path.join(self.dir, 'log'), 'w')
        self.child = subprocess.Popen(getattr(self, 'start_' + name)(zones), stdout=self.log, stderr=self.log,
                                      cwd=self.dir)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w') as f:
            f.write(text)
        return path

    def start_nsd(self, zones):
        conf = ['server:', '  ip-address: 127.0.0.1@%d' % self.port, '  username: ""', '  chroot: ""',
                '  zonesdir: "%s"' % self.dir, '  pidfile: "%s/pid"' % self.dir, '  database: ""',
                '  xfrdfile: "%s/xfrd"' % self.dir, '  zonelistfile: "%s/zl"' % self.dir, '  server-count: 1',
                '  minimal-responses: yes', '  refuse-any: no', '  rrl-ratelimit: 0', '  hide-version: yes',
                '  xfrdir: "%s"' % self.dir, 'remote-control:', '  control-enable: no']
        for origin, path in zones:
            conf += ['zone:', '  name: "%s"' % origin, '  zonefile: "%s"' % path]
        return [self.program, '-d', '-c', self.write('conf', '\n'.join(conf) + '\n')]

    def start_knot(self, zones):
        conf = ['server:', '    listen: 127.0.0.1@%d' % self.port, '    rundir: %s' % self.dir,
                '    udp-workers: 1', '    tcp-workers: 1', '    background-workers: 1', '    version: ""',
                '    identity: ""',
                'database:', '    storage: %s' % self.dir, 'log:', '  - target: stderr', '    any: notice',
                'template:', '  - id: default', '    storage: %s' % self.dir, '    journal-content: none',
                '    zonefile-load: whole', 'zone:']
        for origin, path in zones:
            conf += ['  - domain: %s' % origin, '    file: %s' % path]
        return [self.program, '-c', self.write('conf', '\n'.join(conf) + '\n')]

    def start_bind(self, zones):
        conf = ['options { directory "%s"; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };' %
                (self.dir, self.port),
                ' recursion no; minimal-responses no-auth; pid-file "%s/pid"; session-keyfile "%s/key";' %
                (self.dir, self.dir),
                ' max-udp-size 1232; edns-udp-size 1232; check-names primary ignore; check-integrity no;',
                ' check-mx ignore; check-mx-cname ignore; check-srv-cname ignore; check-sibling no; notify no;',
                ' check-wildcard no; max-records-per-type 0; empty-zones-enable no; allow-transfer { none; }; version none; hostname none;',
                ' server-id none; rrset-order { order fixed; }; dnssec-validation no; };',
                'controls { };', 'logging { channel e { stderr; severity warning; }; category default { e; }; };']
        for origin, path in zones:
            conf.append('zone "%s" { type primary; file "%s"; };' % (origin, path))
        return [self.program, '-g', '-n', '1', '-c', self.write('conf', '\n'.join(conf) + '\n')]

    def start_banyan(self, zones):
        if os.path.basename(self.program) != 'banyand':
            return [self.program, str(self.port)] + ['%s=%s' % z for z in zones]
        conf = ['server:', '  listen: ["127.0.0.1@%d"]' % self.port, '  workers: 1', 'control:', '  socket: ""',
                'zones:']
        for origin, path in zones:
            conf += ['  - name: %s' % origin, '    file: %s' % path]
        return [self.program, '-c', self.write('conf.yaml', '\n'.join(conf) + '\n')]

    def ask(self, query, timeout=1.0):
        """The answer, or None if there is none; garbage raises ValueError."""
        if query.tcp:
            with socket.create_connection(('127.0.0.1', self.port), timeout) as s:
                s.sendall(struct.pack('>H', len(query.wire)) + query.wire)
                data = b''
                while len(data) < 2 or len(data) < 2 + struct.unpack('>H', data[:2])[0]:
                    got = s.recv(70000)
                    if not got:
                        return None
                    data += got
                return Answer(data[2:])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(timeout)
            s.connect(('127.0.0.1', self.port))
            s.send(query.wire)
            try:
                return Answer(s.recv(70000))
            except socket.timeout:
                return None

    def ready(self, zones):
        """Waits until every zone is served."""
        deadline = time.time() + 20
        for origin, _ in zones:
            while True:
                if self.child.poll() is not None:
                    return False
                try:
                    got = self.ask(Query(origin, 6), 0.3)
                    if got is not None and got.rcode == 0 and got.aa:
                        break
                except (OSError, ValueError, IndexError):
                    pass
                if time.time() > deadline:
                    return False
                time.sleep(0.1)
        return True

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()


# --- comparison --------------------------------------------------------------------------------

def differences(ours, theirs):
    """Words for what differs."""
    if (ours is None) != (theirs is None):
        return ['no answer from ' + ('us' if ours is None else 'them')]
    if ours is None:
        return []
    out = []
    if ours.rcode != theirs.rcode:
        out.append('rcode')
    for word, mask in (('aa', 0x400), ('tc', 0x200), ('rd', 0x100), ('ra', 0x80), ('z', 0x40), ('ad', 0x20),
                       ('cd', 0x10)):
        if ours.bit(mask) != theirs.bit(mask):
            out.append(word)
    if ours.opt != theirs.opt:
        out.append('opt')
    elif ours.do != theirs.do:
        out.append('do')
    if ours.question != theirs.question:
        out.append('question')
    for word, a, b in zip(('answer', 'authority', 'additional'), ours.sections, theirs.sections):
        if a != b:
            out.append(word)
    return out


def limit_of(query):
    return 65535 if query.tcp else 512 if query.edns is None else max(512, min(query.edns, 1232))


def is_referral(a):
    """Authority speaks of a zone below, and the answer does not answer."""
    return a is not None and a.rcode == 0 and any(r[1] == 2 for r in a.authority) and \
        not any(r[1] != 5 and r[1] != 39 for r in a.answer)


def inside(a):
    """Glue inside the zone referred to: what RFC 9471 does not allow to leave out."""
    cuts = {r[0] for r in a.authority if r[1] == 2}
    return {r for r in a.additional if any(r[0] == c or r[0].endswith('.' + c) for c in cuts)}


def addresses_only(a):
    return all(r[1] in (1, 5, 28, 64, 65) for r in a.additional)


def chain_leaves_zone(ours, theirs):
    """We followed an alias into another zone of ours: their answer is the beginning of ours."""
    return theirs.answer < ours.answer or (theirs.answer == ours.answer and ours.authority != theirs.authority and
                                           any(r[1] in (5, 39) for r in ours.answer))


def loops(a):
    """Do the aliases of the answer lead back to one of them?"""
    owners = {r[0] for r in a.answer if r[1] == 5}
    return bool(owners) and all(r[3] in owners for r in a.answer if r[1] == 5)


ALL = ('nsd', 'knot', 'bind')
STATUS = 'rcode aa opt answer authority additional question do tc cd rd'.split()


# (peers, what may differ, condition, reason). A difference is accepted if every word of it is named by rows
# whose condition holds.
ACCEPTED = [
    (('bind',), ('cd',), lambda q, a, b: not a.bit(0x10),
     'BIND copies CD; RFC 4035 section 3.1.6: an authoritative server should clear it'),
    (('bind',), ('authority',), lambda q, a, b: q.rtype == 6 and not a.answer and not b.answer and
     {r[:2] + r[3:] for r in a.authority} == {r[:2] + r[3:] for r in b.authority},
     'BIND sends SOA with TTL 0 when the SOA was asked for (zero-no-soa-ttl); RFC 2308 section 3 has the minimum'),
    (ALL, ('additional',), lambda q, a, b: not is_referral(a) and addresses_only(a) and addresses_only(b),
     'addresses beside a positive answer are a courtesy: servers differ in which names, how many, glue or not'),
    (ALL, ('additional',), lambda q, a, b: is_referral(a) and is_referral(b) and inside(b) <= inside(a),
     'glue of siblings is optional (RFC 9471 section 3.2): which, how many, in what room; NSD and BIND leave out '
     'glue inside the zone as well'),
    (ALL, ('tc', 'additional', 'authority'), lambda q, a, b: is_referral(a) and (is_referral(b) or b.tc) and a.tc != b.tc,
     'TC for glue of siblings, or none for glue inside the zone, or room lost to worse compression; that ours is '
     'right is checked against our own answer over TCP'),
    (ALL, ('tc', 'additional', 'authority'), lambda q, a, b: is_referral(a) and a.tc and b.tc,
     'what is in a truncated answer is of no use'),
    (ALL, ('answer', 'authority', 'additional'), lambda q, a, b: a.tc and b.tc, 'what is in a truncated answer is of no use'),
    (('knot', 'bind'), ('answer', 'authority', 'rcode', 'additional', 'tc'),
     lambda q, a, b: chain_leaves_zone(a, b),
     'Knot and BIND end a chain of aliases at the edge of the zone; RFC 1034 section 4.3.2 goes back to step 1'),
    (ALL, ('answer', 'additional', 'tc'), lambda q, a, b: q.rtype == 255 and a.rcode == b.rcode == 0 and
     (a.answer >= b.answer or b.answer >= a.answer or not q.tcp), 'RFC 8482: any RRset will do'),
    (ALL, ('answer', 'authority', 'rcode', 'additional'), lambda q, a, b: q.rtype == 255 and any(r[1] == 39 for r in a.answer),
     'ANY below a DNAME: we and BIND stop at the CNAME, as for QTYPE CNAME'),
    (ALL, STATUS, lambda q, a, b: q.rtype in (0, 41, 128, 200, 249, 250, 253, 254) and q.rclass == 1,
     'types that are not data: NODATA, FORMERR and NOTIMP are all in use'),
    (ALL, STATUS, lambda q, a, b: q.rclass != 1, 'classes other than IN: FORMERR, REFUSED, AA or not: all in use'),
    (('bind', 'nsd'), ('question',), lambda q, a, b: a.rcode not in (0, 3) and b.question is None,
     'no question in errors; RFC 1035 section 4.1.1 wants it back if it could be read'),
    (('nsd', 'knot'), STATUS, lambda q, a, b: a.rcode == 1 and q.edns is not None,
     'options of impossible length (COOKIE, ECS) ignored; RFC 7873 section 5.2.2 and RFC 7871 section 7.1.2: FORMERR'),
    (('nsd',), ('answer', 'authority', 'rcode', 'additional', 'aa', 'tc'), lambda q, a, b: q.rtype in (46, 47) and any(r[1] == 5 for r in b.answer),
     'NSD pursues RRSIG and NSEC through aliases; they may stand beside a CNAME (RFC 4034 sections 3 and 4)'),
    (('bind',), ('rcode', 'authority'), lambda q, a, b: b.rcode == 2 and a.answer == b.answer and loops(a),
     'BIND calls a circle of aliases SERVFAIL; the others give its records'),
    (('nsd',), STATUS + ['tc'], lambda q, a, b: 
     any(re.search(r'\bns\d+\.sub\.', n) for n in [q.name.lower()] + [r[0] + r[3] for r in a.answer]),
     'NSD keeps all zones in one tree: where it holds parent and child, the parent\'s glue names exist in the child'),
    (('bind',), ('opt',), lambda q, a, b: a.rcode == b.rcode == 1,
     'BIND answers an option that overruns OPT without OPT; RFC 6891 section 7 reads that as "knows no EDNS"'),
    (ALL, ('answer', 'rcode', 'authority', 'tc'), lambda q, a, b: sum(r[1] == 5 for r in a.answer) >= 11,
     'aliases in a row: we stop after 11, others at 8 to 16, BIND with SERVFAIL'),
    (('bind',), ('ad',), lambda q, a, b: b.tc and not a.bit(0x20), 'BIND keeps AD of the query in truncated answers'),
    (('knot',), STATUS, lambda q, a, b: a.rcode == 1 and b'\1a\0\0\x29' in q.wire, 'Knot takes an OPT with any owner'),
    (('knot',), ('no answer from them',), lambda q, a, b: a is not None and a.rcode == 1, 'Knot drops what it cannot read'),
    (('knot',), STATUS, lambda q, a, b: q.wire.endswith(b'trailing'), 'Knot takes bytes behind the end for FORMERR'),
]


def unexplained(peer, query, ours, theirs, words):
    left = set(words)
    for peers, what, condition, _ in ACCEPTED:
        if left & set(what) and peer in peers and condition(query, ours, theirs):
            left -= set(what)
    return left


def invariants(query, got, ours):
    """What must hold of our answers whatever the peers say."""
    if got is None:
        return []
    wrong = []
    if len(got.wire) > limit_of(query):
        wrong.append('larger than allowed')
    if got.trailing:
        wrong.append('bytes behind the end')
    if got.duplicates:
        wrong.append('a record twice')
    if query.tcp or query.rtype in (46, 255) or got.rcode not in (0, 3, 6):
        return wrong
    # The same over TCP, where everything fits: what UDP may leave out without TC is little.
    whole = ours.ask(query.over_tcp())
    if (whole.rcode, whole.aa) != (got.rcode, got.aa):
        wrong.append('another answer over TCP')
    missing = whole.answer != got.answer or whole.authority != got.authority or not inside(whole) <= got.additional
    if whole.tc or missing != got.tc:
        wrong.append('TC is not right')
    return wrong


def run(args):
    rng = random.Random(args.seed)
    directory = tempfile.mkdtemp(prefix='diff-auth-')
    os.chmod(directory, 0o755)
    zones, files = [], []
    for i in range(args.zones):
        origin = 'z%d.test.' % i if i % 5 else 'sub.z%d.test.' % (i + 1)
        zone = Zone(rng, origin, [z.origin for z in zones])
        path = os.path.join(directory, origin + 'zone')
        with open(path, 'w') as f:
            f.write(zone.text())
        zones.append(zone)
        files.append((origin, path))
    for origin in ('corner.test.', 'c.test.'):
        zone = Corners(rng, origin, [])
        path = os.path.join(directory, origin + 'zone')
        with open(path, 'w') as f:
            f.write(zone.text())
        zones.append(zone)
        files.append((origin, path))
    programs = {'nsd': 'nsd', 'knot': 'knotd', 'bind': 'named'}
    wanted = [p for p in args.peers.split(',') if p in programs]
    found = {p: shutil.which(programs[p], path=os.environ.get('PATH', '') + ':/usr/sbin') for p in wanted}
    servers = []
    try:
        ours = Server('banyan', directory, files, args.banyan)
        servers.append(ours)
        for peer, program in found.items():
            if program is None:
                print('%s is not installed: left out' % peer)
            else:
                servers.append(Server(peer, directory, files, program))
        for server in list(servers):
            if not server.ready(files):
                print('%s does not serve all zones; its log: %s/log' % (server.name, server.dir))
                if server is ours:
                    return 1
                server.stop()
                servers.remove(server)
        queries = [q for z in zones[:2] for q in protocol_queries(z)]
        queries += random_queries(rng, zones[:-2], args.queries * 3 // 4)
        queries += random_queries(rng, zones[-2:], args.queries - args.queries * 3 // 4)
        return compare(args, ours, [s for s in servers if s is not ours], queries)
    finally:
        for server in servers:
            server.stop()
        if args.keep:
            print('files: ' + directory)
        else:
            shutil.rmtree(directory)


def ask_twice(server, query):
    """A busy machine loses a packet now and then."""
    got = server.ask(query, 0.3)
    return got if got is not None or query.flags_say_drop() else server.ask(query, 2.0)


def compare(args, ours, peers, queries):
    counts, shown, bad, accepted = collections.Counter(), collections.Counter(), 0, 0
    for query in queries:
        got = ask_twice(ours, query)
        wrong = invariants(query, got, ours)
        if wrong:
            bad += 1
            print('OURS %s: %s\n%s' % (query.text(), ', '.join(wrong), got.text()))
        for peer in peers:
            theirs = ask_twice(peer, query)
            words = differences(got, theirs)
            left = unexplained(peer.name, query, got, theirs, words)
            accepted += bool(words) and not left
            if left:
                bad += 1
                key = '%s %s' % (peer.name, '+'.join(sorted(left)))
                counts[key] += 1
                shown[key] += 1
                if shown[key] <= args.show:
                    print('--- %s: %s   [%s]' % (peer.name, query.text(), query.wire.hex()))
                    print('  us   ' + (got.text() if got else 'nothing'))
                    print('  them ' + (theirs.text() if theirs else 'nothing'))
    for key, n in counts.most_common():
        print('%6d  %s' % (n, key))
    print('%d questions to %s: %d differences explained, %d not' %
          (len(queries), ', '.join(p.name for p in peers), accepted, bad))
    return 1 if bad else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--zones', type=int, default=20)
    p.add_argument('--queries', type=int, default=3000)
    p.add_argument('--banyan', default=os.path.join(os.environ.get('BANYAN_BUILD', 'build'), 'banyand'))
    p.add_argument('--peers', default='nsd,knot,bind')
    p.add_argument('--show', type=int, default=2, help='examples of each kind of difference')
    p.add_argument('--keep', action='store_true', help='keep zones, configurations and logs')
    bad = run(p.parse_args())
    print('%s 1 - answers agree with the peers\' or differ for a known reason\n1..1' % ('not ok' if bad else 'ok'))
    return bad


if __name__ == '__main__':
    sys.exit(main())
