#!/usr/bin/env python3
"""Compares Banyan's answers from signed zones with those of NSD, Knot DNS and BIND.

All serve the zones of vectors/zone-signed and the signed root zone on loopback and are asked the same
random questions with DO; each section must hold the same set of records. What may differ, and why, stands
in ACCEPTED below. Exits 1 if any difference is left unexplained.

    tools/diff_signed.py [--seed N] [--queries N] [--banyan PROGRAM] [--peers nsd,knot,bind] [ORIGIN=FILE ...]

Peers come from Debian's packages nsd, knot and bind9; one that is not installed is left out.
"""
import argparse
import collections
import lzma
import os
import random
import re
import shutil
import sys
import tempfile

from diff_auth import Answer, Query, Server, addresses_only, ask_twice, differences, inside, is_referral, name_wire

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'DNAME': 39, 'DS': 43,
         'RRSIG': 46, 'NSEC': 47, 'DNSKEY': 48, 'NSEC3': 50, 'NSEC3PARAM': 51, 'HTTPS': 65, 'ANY': 255}
WEIGHTED = ['A'] * 8 + ['AAAA', 'TXT', 'MX', 'NS', 'NS', 'SOA', 'DS', 'DS', 'DS', 'CNAME', 'DNAME', 'SRV', 'HTTPS',
                        'DNSKEY', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'RRSIG', 'ANY']
SIGNATURE, NSEC, NSEC3 = 46, 47, 50


def labels_of(name):
    return re.findall(r'(?:\\\d\d\d|\\.|[^.\\])+', name)


def names_of(origin, path):
    """Owner names of a master file with one record a line and absolute names."""
    names = set()
    with open(path) as f:
        for line in f:
            owner = line.split(None, 1)[0] if line.strip() and not line[0].isspace() else None
            if owner and owner[0] not in ';$' and owner.endswith('.'):
                names.add(owner)
    names.add(origin)
    return sorted(names)


def mutate(rng, name, origin):
    """A name near to one that exists."""
    labels, own = labels_of(name), len(labels_of(origin))
    below = labels[:len(labels) - own]
    kind = rng.randrange(8)
    if kind == 0 and below:
        below = below[1:]
    elif kind == 1:
        below = [rng.choice(['*', 'a', 'zz', '0', '\\000', '\\255', 'www', 'm' * 63])] + below
    elif kind == 2:
        below = ['x', 'y'] + below
    elif kind == 3 and below:
        i = rng.randrange(len(below))
        below[i] = below[i] + rng.choice(['-', '0', 'z', '\\000'])
    elif kind == 4 and below:
        below[0] = ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz0123456789-') for _ in range(rng.randrange(1, 12)))
    elif kind == 5 and below:
        i = rng.randrange(len(below))
        if len(below[i]) > 1 and '\\' not in below[i]:
            below[i] = below[i][:-1]
    elif kind == 6:
        below = ['*'] + below[1:]
    return '.'.join(below + labels_of(origin)) + '.'


def random_queries(rng, zones, names, count):
    made = 0
    while made < count:
        origin = rng.choice(zones)
        name = rng.choice(names[origin])
        if rng.random() < 0.7:
            name = mutate(rng, name, origin)
        if len(name_wire(name)) > 255 or any(len(name_wire(x + '.')) > 65 for x in labels_of(name)):
            continue
        if rng.random() < 0.1:
            name = re.sub(r'[a-z]', lambda m: m[0].upper() if rng.random() < 0.5 else m[0], name)
        made += 1
        yield Query(name, TYPES[rng.choice(WEIGHTED)], edns=rng.choice((512, 1232, 1232, 1232, 4096)), do=True,
                    tcp=rng.random() < 0.3, flags=rng.choice((0, 0, 0x100, 0x10, 0x20)))


# --- what may differ ---------------------------------------------------------------------------

ALL = ('nsd', 'knot', 'bind')
EVERY = 'rcode aa answer authority additional tc'.split()


def untimed(section):
    return {r[:2] + r[3:] for r in section}


ACCEPTED = [
    (('bind',), ('cd',), lambda q, a, b: not a.bit(0x10),
     'BIND copies CD; RFC 4035 section 3.1.6: an authoritative server should clear it'),
    (('bind',), ('ad',), lambda q, a, b: b.tc and not a.bit(0x20), 'BIND keeps AD of the query in truncated answers'),
    (ALL, ('additional',), lambda q, a, b: not is_referral(a),
     'addresses beside a positive answer are a courtesy: servers differ in which names, how many, signed or not'),
    (ALL, ('additional', 'tc', 'authority', 'answer'), lambda q, a, b: a.tc != b.tc and not q.tcp,
     'what fits depends on compression and on glue that may be left out; that ours is right is checked against '
     'our own answer over TCP'),
    (ALL, ('additional',), lambda q, a, b: is_referral(a) and is_referral(b) and inside(b) <= inside(a),
     'glue of siblings is optional (RFC 9471 section 3.2)'),
    (ALL, ('answer', 'authority', 'additional'), lambda q, a, b: a.tc and b.tc,
     'what is in a truncated answer is of no use'),
    (('bind',), ('authority',), lambda q, a, b: q.rtype == 6 and untimed(a.authority) == untimed(b.authority),
     'BIND sends SOA with TTL 0 when the SOA was asked for (zero-no-soa-ttl)'),
    (ALL, ('answer', 'authority', 'additional', 'tc'), lambda q, a, b: q.rtype in (255, 46) and a.rcode == b.rcode and a.answer and b.answer,
     'RFC 8482: any RRset will do'),
    (('nsd', 'knot'), EVERY, lambda q, a, b: q.rtype == 255 and any(r[1] == 39 for r in a.answer),
     'ANY below a DNAME: we and BIND stop at the CNAME, as for QTYPE CNAME'),
    (('nsd',), EVERY, lambda q, a, b: re.search(r'\.[0-9a-v]{32}\.', q.name, re.I) and a.rcode == 3,
     'NSD takes the owner of an NSEC3 for an encloser; RFC 5155 section 7.2.8: it does not exist'),
    (('nsd',), EVERY, lambda q, a, b: q.rtype in (46, 47, 50) and (any(r[1] == 5 for r in a.answer | b.answer)),
     'NSD pursues RRSIG and NSEC, but not NSEC3, through aliases; the first two may stand beside a CNAME '
     '(RFC 4034 sections 3 and 4), NSEC3 may not'),
    (('nsd',), ('authority',), lambda q, a, b: q.name.startswith('*.') and a.rcode == 0 and a.authority < b.authority,
     'NSD adds to NODATA for the very name of a wildcard the NSEC3 that covers "*" below it'),
    (('nsd',), ('authority',), lambda q, a, b: '.optout.optout.' in q.name.lower() and a.rcode == 3,
     'NSD climbs past an empty non-terminal that opt-out left without NSEC3 to the wrong place (RFC 5155 '
     'section 7.2.1); Knot and BIND do as we do'),
    (('nsd',), ('authority',), lambda q, a, b: '.dnamewild.' in q.name.lower() and a.rcode == 0 and b.rcode == 0,
     'NSD covers the name before the DNAME where a wildcard answers behind it; Knot and BIND do as we do'),
    (('knot', 'bind'), ('authority',), lambda q, a, b: '.went2.' in q.name.lower() and a.rcode == 0 and
     untimed(b.authority) < untimed(a.authority),
     'wildcard NODATA where the wildcard is an empty non-terminal: Knot and BIND leave out the NSEC that says so '
     '(RFC 4035 section 3.1.3.4)'),
    (('knot',), ('authority',), lambda q, a, b: q.rtype == 47 and b.authority < a.authority,
     'Knot leaves out the proof of a wildcard answer when the same NSEC is what the wildcard gave'),
    (('knot',), ('authority',), lambda q, a, b: '\\000' in q.name,
     'Knot finds the wrong NSEC for a label that ends in a zero byte'),
    (('bind',), EVERY, lambda q, a, b: q.rtype == 47 and is_referral(a) and any(r[1] == 47 for r in b.answer),
     'BIND answers NSEC at a cut from the parent; RFC 4035 section 3.1.4.1 says so of DS alone'),
]


def unexplained(peer, query, ours, theirs, words):
    left = set(words)
    for peers, what, condition, _ in ACCEPTED:
        if left & set(what) and peer in peers and condition(query, ours, theirs):
            left -= set(what)
    return left


# --- what must hold of our answers whatever the peers say --------------------------------------

def invariants(query, got, ours):
    if got is None:
        return ['no answer']
    wrong = []
    if not query.tcp and query.rtype not in (46, 255):
        whole = ours.ask(query.over_tcp())
        same = whole.answer == got.answer and whole.authority == got.authority and inside(whole) <= got.additional
        if got.tc == same:
            wrong.append('TC is not right')
    if got.duplicates:
        wrong.append('a record twice')
    if got.bit(0x20):
        wrong.append('AD is set')
    if got.tc:
        return wrong
    for section in (got.answer, got.authority):
        signed = {(r[0], int(r[3][:4], 16)) for r in section if r[1] == SIGNATURE}
        for owner, rtype, _, _ in section:
            if rtype in (NSEC, NSEC3) and section is got.authority and (owner, rtype) not in signed:
                wrong.append('a proof without signature')
    denied = any(r[1] == 6 for r in got.authority)
    if denied and not any(r[1] in (NSEC, NSEC3) for r in got.authority):
        wrong.append('a negative answer without proof')
    return wrong


def compare(args, ours, peers, queries):
    counts, bad, accepted, kinds = collections.Counter(), 0, 0, collections.Counter()
    for query in queries:
        got = ask_twice(ours, query)
        if got is not None:
            kinds['tc' if got.tc else 'nxdomain' if got.rcode == 3 else 'referral' if is_referral(got) else
                  'nodata' if any(r[1] == 6 for r in got.authority) else 'answer'] += 1
        wrong = invariants(query, got, ours)
        if wrong:
            bad += 1
            print('OURS %s: %s\n%s' % (query.text(), ', '.join(wrong), got.text() if got else ''))
        for peer in peers:
            theirs = ask_twice(peer, query)
            words = differences(got, theirs)
            left = unexplained(peer.name, query, got, theirs, words)
            accepted += bool(words) and not left
            if left:
                bad += 1
                key = '%s %s' % (peer.name, '+'.join(sorted(left)))
                counts[key] += 1
                if counts[key] <= args.show:
                    print('--- %s: %s' % (peer.name, query.text()))
                    print('  us   ' + (got.text() if got else 'nothing'))
                    print('  them ' + (theirs.text() if theirs else 'nothing'))
    for key, n in counts.most_common():
        print('%6d  %s' % (n, key))
    print(', '.join('%d %s' % (n, k) for k, n in kinds.most_common()))
    print('%d questions to %s: %d differences explained, %d not' %
          (sum(kinds.values()), ', '.join(p.name for p in peers), accepted, bad))
    return 1 if bad else 0


def zone_files(args, directory):
    if args.zone:
        return [tuple(z.split('=', 1)) for z in args.zone]
    folder = os.path.join(HERE, 'vectors', 'zone-signed')
    files = [(f[:-len('zone')], os.path.join(folder, f)) for f in sorted(os.listdir(folder)) if f.endswith('.zone')]
    root = os.path.join(directory, 'root.zone')
    with lzma.open(os.path.join(HERE, 'vectors', 'root', 'root-2020101902.signed.zone.xz'), 'rt') as f, \
            open(root, 'w') as out:
        shutil.copyfileobj(f, out)
    return files + [('.', root)]


def run(args):
    directory = tempfile.mkdtemp(prefix='diff-signed-')
    os.chmod(directory, 0o755)
    try:
        files = zone_files(args, directory)
        # The root apart: aliases that lead out of a zone would lead into it.
        groups = [[f for f in files if f[0] != '.'], [f for f in files if f[0] == '.']]
        bad = 0
        for i, group in enumerate(groups):
            if group:
                folder = os.path.join(directory, str(i))
                os.mkdir(folder)
                bad |= run_group(args, folder, group)
        return bad
    finally:
        shutil.rmtree(directory)


def run_group(args, directory, files):
    rng = random.Random(args.seed)
    servers = []
    try:
        names = {origin: names_of(origin, path) for origin, path in files}
        programs = {'nsd': 'nsd', 'knot': 'knotd', 'bind': 'named'}
        ours = Server('banyan', directory, files, args.banyan)
        servers.append(ours)
        for peer in args.peers.split(','):
            program = shutil.which(programs[peer], path=os.environ.get('PATH', '') + ':/usr/sbin')
            if program is None:
                print('%s is not installed: left out' % peer)
            else:
                servers.append(Server(peer, directory, files, program))
        for server in list(servers):
            if not server.ready(files):
                print('%s does not serve all zones' % server.name)
                with open(os.path.join(server.dir, 'log')) as f:
                    print(f.read()[-2000:])
                if server is ours:
                    return 1
                server.stop()
                servers.remove(server)
        return compare(args, ours, servers[1:], random_queries(rng, [o for o, _ in files], names, args.queries))
    finally:
        for server in servers:
            server.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('zone', nargs='*', metavar='ORIGIN=FILE')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--queries', type=int, default=3000)
    p.add_argument('--banyan', default=os.path.join(os.environ.get('BANYAN_BUILD', 'build'), 'banyand'))
    p.add_argument('--peers', default='nsd,knot,bind')
    p.add_argument('--show', type=int, default=2, help='examples of each kind of difference')
    bad = run(p.parse_args())
    print('%s 1 - signed answers agree with the peers\' or differ for a known reason\n1..1' % ('not ok' if bad else 'ok'))
    return bad


if __name__ == '__main__':
    sys.exit(main())
