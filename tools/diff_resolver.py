#!/usr/bin/python3
"""Compares Banyan's recursive resolver with Unbound and BIND on the lab Internet. Prints TAP.

The lab is started in its own network namespace, where its servers have their real addresses and port 53.
Three resolvers run inside, each on its own loopback address, and get the same questions: every name of
every zone of the lab, and names that do not exist, below cuts, below wildcards and below DNAMEs, with all
common types; then samples with other flags, sizes and transports. Answers are compared by meaning. What
Banyan answers must be what at least one of the others answers, except where ACCEPTED says why not.

    BANYAN_BUILD=build tools/diff_resolver.py [--sample N] [--seed N] [--verbose] [--only WORD]

Needs Debian's packages unbound, bind9, python3-dnspython, iproute2 and user namespaces; else skips.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rdatatype
    import dns.zone
except ImportError:
    skip('no python3-dnspython')

TYPES = ('A', 'AAAA', 'MX', 'NS', 'SOA', 'TXT', 'CNAME', 'DS', 'SRV', 'HTTPS', 'ANY', 'TYPE65400', 'DNAME', 'PTR')
ADDRESS = {'banyan': '127.0.0.11', 'unbound': '127.0.0.12', 'bind': '127.0.0.13'}
TTL_CAP = 86400          # Banyan's resolver.ttl-max; the others' are longer
TIMEOUT = 14

# (name, why, test(question, answers by resolver)): differences that are right as they are.
ACCEPTED = []


def accepted(why):
    def add(f):
        ACCEPTED.append((f.__name__, why, f))
        return f
    return add


# --- questions and answers ---------------------------------------------------------------------

class Question:
    def __init__(self, name, rtype, rd=True, cd=False, ad=False, do=False, edns=1232, tcp=False, rclass='IN'):
        self.name, self.rtype, self.rd, self.cd, self.ad, self.do = name, rtype, rd, cd, ad, do
        self.edns, self.tcp, self.rclass = edns, tcp, rclass

    def message(self):
        m = dns.message.make_query(self.name, self.rtype, rdclass=self.rclass, use_edns=False)
        m.flags = (dns.flags.RD if self.rd else 0) | (dns.flags.CD if self.cd else 0) | (dns.flags.AD if self.ad else 0)
        if self.edns:
            m.use_edns(0, dns.flags.DO if self.do else 0, self.edns)
        return m

    def __str__(self):
        words = [str(self.name), self.rtype]
        if self.rclass != 'IN':
            words.append(self.rclass)
        words += [w for w in ('cd', 'ad', 'do', 'tcp') if getattr(self, w)]
        words += ([] if self.rd else ['norec']) + ([] if self.edns == 1232 else [f'edns={self.edns}'])
        return ' '.join(words)


class Answer:
    """What a response says, without what may differ between correct resolvers."""

    def __init__(self, q, r):
        self.rcode = dns.rcode.to_text(r.rcode())
        self.flags = {f: bool(r.flags & getattr(dns.flags, f)) for f in ('QR', 'AA', 'TC', 'RD', 'RA', 'AD', 'CD')}
        self.edns = r.edns >= 0
        self.do = bool(r.ednsflags & dns.flags.DO)
        self.size = len(r.wire) if hasattr(r, 'wire') and r.wire else 0
        self.question = [(x.name.to_text(), x.rdtype, x.rdclass) for x in r.question]
        self.ttl = {}
        self.answer = self.records(r.answer)
        self.twice = len(self.answer) != sum(len(s) for s in r.answer)
        self.soa = frozenset(x for x in self.records(r.authority) if x[1] == 'SOA')
        self.authority = self.records(r.authority)
        self.additional = self.records(r.additional)
        self.ede = [str(o) for o in r.options if o.otype == 15] if self.edns else []
        self.tail = None
        self.final = self.answer

    def records(self, section):
        out = set()
        for s in section:
            kind = dns.rdatatype.to_text(s.rdtype)
            for rd in s:
                text = rd.to_digestable(dns.name.root) if s.rdtype != 41 else b''
                key = (s.name.to_text().lower(), kind, text.hex())
                out.add(key)
                self.ttl[key] = s.ttl
        return frozenset(out)

    def meaning(self):
        f = self.flags
        return (self.rcode, self.answer, self.soa if not self.flags['TC'] else None,
                f['AA'], f['RA'], f['AD'], f['TC'], f['RD'], f['CD'], self.edns, self.do)

    def text(self):
        flags = ' '.join(k.lower() for k, v in self.flags.items() if v)
        lines = [f'{self.rcode} [{flags}] edns={self.edns} do={self.do} {" ".join(self.ede)}']
        for title, part in (('an', self.answer), ('au', self.authority), ('ad', self.additional)):
            for n, (owner, kind, data) in enumerate(sorted(part)):
                if n < 6:
                    lines.append(f'   {title} {owner} {self.ttl[(owner, kind, data)]} {kind} {data[:60]}')
            if len(part) > 6:
                lines.append(f'   {title} ... {len(part)} in all')
        return lines


def udp_wire(address, m, timeout):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect((address, 53))
        s.send(m.to_wire())
        try:
            return s.recvfrom(65535)
        except TimeoutError:
            raise dns.exception.Timeout from None


def ask(where, q, timeout=TIMEOUT):
    m = q.message()
    try:
        if q.tcp:
            r = dns.query.tcp(m, ADDRESS[where], timeout=timeout)
        elif where != 'banyan' and (q.edns or 0) > 1232:
            wire, _ = udp_wire(ADDRESS[where], m, timeout)
            r = dns.message.from_wire(wire)
            r.wire = wire
        else:
            r = dns.query.udp(m, ADDRESS[where], timeout=timeout, ignore_unexpected=True)
        return Answer(q, r)
    except dns.exception.Timeout:
        return 'timeout'
    except Exception as e:      # noqa: BLE001: whatever a resolver does to us is its answer
        return f'{type(e).__name__}: {e}'


# --- the names -----------------------------------------------------------------------------------

def lab_zones(lab):
    folder = os.path.join(lab, 'zones')
    for f in sorted(os.listdir(folder)):
        if not f.endswith('.zone'):
            continue
        with open(os.path.join(folder, f)) as h:
            text = h.read()
        origin = text[text.index('$ORIGIN') + 7:].split()[0]
        yield dns.zone.from_text(text, origin=origin, relativize=False, check_origin=False), dns.name.from_text(origin)


def name(text, origin=dns.name.root):
    return dns.name.from_text(text, origin)


def lab_names(lab):
    """names that exist, and names made from them"""
    real, made = set(), set()
    for z, origin in lab_zones(lab):
        real.add(origin)
        for n, node in z.items():
            if n.is_wild():
                parent = n.parent()
                made.update((n, name('q', parent), name('a.b', parent), name('Q-x', parent)))
                continue
            real.add(n)
            kinds = {r.rdtype for r in node.rdatasets}
            if dns.rdatatype.DNAME in kinds:
                made.update((name('www', n), name('a.b.c', n), name('nowhere', n)))
            if dns.rdatatype.CNAME in kinds:
                made.add(name('below', n))
            if n != origin:
                made.add(n.parent())
            if len(n.labels) < 9:
                made.add(name('below', n))
        made.update((name('nowhere', origin), name('x.y.nowhere', origin), name('_dmarc', origin), name('*', origin),
                     name('_443._tcp.www', origin), name('\\000', origin), name('a\\.b', origin)))
    made.update(name(t) for t in ('invalid.', 'nowhere.invalid.', 'test.', 'a.test.', 'example.', 'local.', 'onion.',
                                  'a.onion.', 'localhost.', 'a.localhost.', '1.0.0.127.in-addr.arpa.', 'ipv4only.arpa.',
                                  'home.arpa.', 'resolver.arpa.', '_dns.resolver.arpa.', 'nowhere.', 'a.b.c.nowhere.', '.'))
    made.update(name('%s.%s.%s.moved.org.' % ('x' * 40, 'y' * 63, 'long'))
                for _ in (1,))
    made.add(name('%s.long.moved.org.' % '.'.join(['z' * 60] * 3)))
    return sorted(real), sorted(made - real)


# --- what must be the same -------------------------------------------------------------------------

def is_answer(*answers):
    return all(isinstance(a, Answer) for a in answers)


def ttl_wild(mine, others):
    """a TTL that none of the others could have given, some time passed and capped"""
    for key in mine.answer | mine.soa:
        theirs = [min(o.ttl[key], TTL_CAP) for o in others if is_answer(o) and key in o.ttl]
        if theirs and mine.ttl[key] > max(theirs) + 300:
            return f'TTL {mine.ttl[key]} of {key[0]} {key[1]}, others {theirs}'
    return None


def judge(q, got):
    """None if all is well, else what is not"""
    mine, others = got['banyan'], [got['unbound'], got['bind']]
    if not is_answer(mine):
        return 'no answer: ' + mine if any(is_answer(o) for o in others) else None
    sent = [(q.name.to_text(), dns.rdatatype.from_text(q.rtype), dns.rdataclass.from_text(q.rclass))]
    if mine.question != sent:
        return f'the question came back as {mine.question}'
    if mine.twice:
        return 'a record stands twice in the answer'
    if any(is_answer(o) and o.meaning() == mine.meaning() for o in others):
        return ttl_wild(mine, others)
    words = []
    for o in others:
        if not is_answer(o):
            words.append('?')
            continue
        names = ('rcode', 'answer', 'soa', 'aa', 'ra', 'ad', 'tc', 'rd', 'cd', 'edns', 'do')
        words.append('+'.join(n for n, a, b in zip(names, mine.meaning(), o.meaning()) if a != b))
    return 'differs from unbound in %s, from bind in %s' % tuple(words)


def excuse(q, got):
    for word, _, test in ACCEPTED:
        if test(q, got):
            return word
    return None


# --- what may differ -------------------------------------------------------------------------------

@accepted('one RRset is enough of an answer (RFC 8482), which one is free')
def any_minimal(q, got):
    mine = got['banyan']
    if q.rtype != 'ANY' or not is_answer(mine) or mine.rcode != 'NOERROR' or mine.flags['AA']:
        return False
    if mine.flags['TC'] or {k for _, k, _ in mine.answer} == {'HINFO'}:
        return not any(is_answer(o) and o.rcode == 'NXDOMAIN' and not o.answer for o in (got['unbound'], got['bind']))
    return bool(mine.answer) and (all(n == q.name.to_text().lower() for n, _, _ in mine.answer) or
                                  any(is_answer(o) and mine.answer <= o.answer for o in (got['unbound'], got['bind'])))


@accepted('a server that loses half of all packets: every resolver gives up now and then')
def lossy(q, got):
    return q.name.is_subdomain(name('lossy.net.')) and is_answer(got['banyan']) and got['banyan'].rcode == 'SERVFAIL'


@accepted('chains of more than 11 aliases: Unbound goes on a little longer, BIND gives the first ones with SERVFAIL')
def long_chain(q, got):
    mine = got['banyan']
    return (is_answer(mine) and mine.rcode == 'SERVFAIL' and
            all(not is_answer(o) or o.rcode == 'SERVFAIL' or sum(k == 'CNAME' for _, k, _ in o.answer) >= 11
                for o in (got['unbound'], got['bind'])))


@accepted('version.bind and the like are refused unless they are configured')
def chaos(q, got):
    return q.rclass != 'IN' and is_answer(got['banyan']) and got['banyan'].rcode == 'REFUSED'


@accepted('what the cache does not hold is refused to RD=0 (as Knot Resolver does); the others refer from their caches')
def no_recursion(q, got):
    mine = got['banyan']
    return not q.rd and is_answer(mine) and mine.rcode == 'REFUSED' and not mine.answer and not mine.authority


@accepted('names for special use are answered on the spot (RFC 6761, RFC 7686); the others were told to ask')
def special_use(q, got):
    mine, last = got['banyan'], q.name.labels[-2].lower() if len(q.name.labels) > 1 else b''
    return is_answer(mine) and (last == b'localhost' and mine.rcode == 'NOERROR' or
                                last in (b'invalid', b'onion') and mine.rcode == 'NXDOMAIN' and len(mine.soa) == 1)


@accepted('UDP answers stay below resolver.udp-size, whatever the client offers (RFC 9715)')
def one_packet(q, got):
    mine = got['banyan']
    return (not q.tcp and (q.edns or 0) > 1232 and is_answer(mine) and mine.flags['TC'] and mine.rcode == 'NOERROR' and
            all(not is_answer(o) or o.size > 1232 or o.flags['TC'] or o.rcode == 'SERVFAIL'
                for o in (got['unbound'], got['bind'])))


# --- the resolvers -----------------------------------------------------------------------------------

def find(word):
    for d in ('', 'src/app'):
        p = os.path.join(BUILD, d, word)
        if os.access(p, os.X_OK):
            return os.path.abspath(p)
    sys.exit(f'Bail out! no {word} in {BUILD}')


def hints(lab, tmp):
    """the root servers as a hints file, out of the lab's root zone"""
    path = os.path.join(tmp, 'root.hints')
    with open(path, 'w') as f:
        for z, origin in lab_zones(lab):
            if origin != dns.name.root:
                continue
            servers = [r.target for r in z.get_rdataset(origin, 'NS')]
            for s in servers:
                f.write(f'. 3600000 IN NS {s}\n')
                for kind in ('A', 'AAAA'):
                    for r in z.get_rdataset(s, kind) or ():
                        f.write(f'{s} 3600000 IN {kind} {r.address}\n')
    return path


def start_banyan(tmp, roots):
    conf = os.path.join(tmp, 'banyan.yaml')
    with open(conf, 'w') as f:
        f.write(f'server:\n  listen: [{ADDRESS["banyan"]}@53]\n  workers: 2\ncontrol:\n  socket: "{tmp}/ctl"\n'
                f'resolver:\n  enabled: yes\n  root-hints: {roots}\n  query-loopback: yes\n  special-zones: no\n  validate: no\n')
    return [find('banyand'), '--config', conf]


def start_unbound(tmp, roots):
    conf = os.path.join(tmp, 'unbound.conf')
    free = '\n'.join(f' local-zone: "{z}." nodefault' for z in
                     ('2.0.192.in-addr.arpa', '100.51.198.in-addr.arpa', '113.0.203.in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa',
                      'localhost', '127.in-addr.arpa', 'onion', 'test', 'invalid', 'home.arpa', 'resolver.arpa', 'service.arpa'))
    with open(conf, 'w') as f:
        f.write(f'''server:
 interface: {ADDRESS["unbound"]}
 do-daemonize: no
 username: ""
 chroot: ""
 directory: "{tmp}"
 pidfile: ""
 use-syslog: no
 logfile: "{tmp}/unbound.log"
 module-config: "iterator"
 root-hints: "{roots}"
 do-not-query-localhost: no
 unblock-lan-zones: yes
 insecure-lan-zones: yes
 num-threads: 2
 access-control: 127.0.0.0/8 allow_snoop
 edns-buffer-size: 1232
{free}
remote-control:
 control-enable: no
''')
    return ['unbound', '-c', conf, '-d']


def start_bind(tmp, roots):
    conf = os.path.join(tmp, 'named.conf')
    with open(conf, 'w') as f:
        f.write(f'''options {{
 directory "{tmp}"; pid-file none; session-keyfile none; lock-file none;
 listen-on {{ {ADDRESS["bind"]}; }}; listen-on-v6 {{ none; }};
 recursion yes; allow-recursion {{ any; }}; allow-query-cache {{ any; }}; dnssec-validation no;
 empty-zones-enable no; minimal-responses yes; edns-udp-size 1232; max-udp-size 1232;
 managed-keys-directory "{tmp}";
}};
controls {{ }};
zone "." {{ type hint; file "{roots}"; }};
''')
    return ['named', '-c', conf, '-f', '-n', '2', '-L', f'{tmp}/named.log']


class Inside:
    """The part that runs in the lab's namespace."""

    def __init__(self, args):
        self.args = args
        self.lab = args.lab
        self.points = self.failed = 0
        self.excused = collections.Counter()
        self.log = open(args.log, 'w') if args.log else None
        self.children = []

    def ok(self, good, what, lines=()):
        self.points += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.points} - {what}')
        for line in lines if not good else ():
            print('# ' + line)
        sys.stdout.flush()

    def start(self, tmp):
        roots = hints(self.lab, tmp)
        for a in ADDRESS.values():       # BIND listens only on addresses that an interface has
            subprocess.run(['ip', 'addr', 'add', f'{a}/8', 'dev', 'lo'], capture_output=True)
        for make in (start_banyan, start_unbound, start_bind):
            out = open(os.path.join(tmp, make.__name__ + '.out'), 'w')
            self.children.append(subprocess.Popen(make(tmp, roots), stdout=out, stderr=out))
        for where in ADDRESS:
            for _ in range(12):
                got = ask(where, Question(name('www.example.org.'), 'A'), 2)
                if is_answer(got) and got.rcode == 'NOERROR':
                    break
                time.sleep(0.25)
            self.ok(is_answer(got) and got.rcode == 'NOERROR', f'{where} resolves', [f'{got.rcode} {got.ede}' if is_answer(got) else str(got)])

    def stop(self):
        for c in self.children:
            c.terminate()
        for c in self.children:
            try:
                c.wait(10)
            except subprocess.TimeoutExpired:
                c.kill()

    def run(self, what, questions):
        """all questions to all resolvers, several at once; one point for the set"""
        if self.args.only and self.args.only not in what:
            return
        bad, begin = [], time.time()

        def one(q):
            got = {w: ask(w, q) for w in ADDRESS}
            trouble = judge(q, got)
            if trouble and not excuse(q, got) and self.args.again:   # a lost packet or a timer is no difference
                got = {w: ask(w, q) for w in ADDRESS}
                trouble = judge(q, got)
            return q, got, trouble

        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            for q, got, trouble in pool.map(one, questions):
                if not trouble:
                    continue
                word = excuse(q, got)
                if word:
                    self.excused[word] += 1
                    continue
                bad.append((q, trouble, got))
        for q, trouble, got in bad:
            if self.log:
                print(f'{what}: {q}: {trouble}', file=self.log)
                for w in ADDRESS:
                    for line in got[w].text() if is_answer(got[w]) else [got[w]]:
                        print(f'    {w:8s} {line}', file=self.log)
        lines = [f'{q}: {trouble}' for q, trouble, _ in bad[:30]]
        for q, trouble, got in bad[:4]:
            lines.append(str(q))
            for w in ADDRESS:
                lines += [f'  {w:8s} {line}' for line in (got[w].text() if is_answer(got[w]) else [got[w]])]
        self.ok(not bad, f'{what}: {len(questions)} questions in {time.time() - begin:.0f} s, {len(bad)} unexplained', lines)

    def sets(self):
        rnd = random.Random(self.args.seed)
        real, made = lab_names(self.lab)
        pick = lambda names, n: rnd.sample(names, min(n, len(names)))
        base = [Question(n, t) for n in real for t in TYPES]
        rnd.shuffle(base)
        self.run('all names of all zones', base)
        other = [Question(n, t) for n in made for t in ('A', 'MX', 'NS', 'DS', 'CNAME', 'ANY', 'SOA')]
        rnd.shuffle(other)
        self.run('names below, wild and missing', other)
        n = self.args.sample
        some = lambda k=n: [(rnd.choice(real if rnd.random() < .6 else made), rnd.choice(TYPES)) for _ in range(k)]
        self.run('without EDNS', [Question(a, t, edns=0) for a, t in some()])
        self.run('DO', [Question(a, t, do=True) for a, t in some()])
        self.run('CD', [Question(a, t, cd=True) for a, t in some()])
        self.run('AD in the question', [Question(a, t, ad=True) for a, t in some()])
        self.run('over TCP', [Question(a, t, tcp=True, edns=rnd.choice((0, 1232))) for a, t in some()])
        self.run('EDNS size 512', [Question(a, t, edns=512) for a, t in some()])
        self.run('EDNS size 4096', [Question(a, t, edns=4096) for a, t in some()])
        self.run('letters in both cases', [Question(mixed(rnd, a), t) for a, t in some()])
        big = [Question(name(a), t, edns=e, tcp=tcp) for a in ('many.big.net.', 'huge.big.net.', 'big.net.', 'big.notcp.net.', '.')
               for t in ('A', 'AAAA', 'TXT', 'NS', 'MX', 'ANY') for e in (0, 100, 512, 1232, 1400, 4096) for tcp in (False, True)]
        self.run('big answers', big)
        self.run('RD=0, cached', [Question(a, t, rd=False) for a, t in some() if t != 'ANY'])
        self.run('class CH and unknown types', [Question(name(a), t, rclass=c) for a in ('version.bind.', 'www.example.org.', '.')
                                                for t in ('TXT', 'A', 'TYPE65400') for c in ('CH', 'HS')])
        self.run('everything again', base[:n * 4])


def mixed(rnd, n):
    return dns.name.Name([bytes(c ^ 0x20 if chr(c).isalpha() and rnd.random() < .5 else c for c in label) for label in n.labels])


def inside(args):
    tmp = tempfile.mkdtemp(prefix='banyan-diff-')
    me = Inside(args)
    try:
        me.start(tmp)
        if not me.failed:
            me.sets()
        alive = [c.poll() for c in me.children]
        me.ok(alive == [None] * 3, 'all resolvers still run', [str(alive)] + tail(os.path.join(tmp, 'start_banyan.out')))
    finally:
        me.stop()
        me.ok(me.children and me.children[0].returncode == 0, 'banyand ends without complaint', tail(os.path.join(tmp, 'start_banyan.out')))
        shutil.rmtree(tmp, ignore_errors=True)
    for word, why, _ in ACCEPTED:
        print(f'# accepted {me.excused[word]:5d}  {word}: {why}')
    print(f'1..{me.points}')
    return me.failed > 0


def tail(path):
    if not os.path.exists(path):
        return []
    with open(path, errors='replace') as f:
        return f.read().splitlines()[-40:]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('Bail out! told to stop'))
    p = argparse.ArgumentParser()
    p.add_argument('--sample', type=int, default=150)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--only')
    p.add_argument('--log')
    p.add_argument('--again', type=int, default=1)
    p.add_argument('--lab', default=os.path.join(ROOT, 'lab'))
    p.add_argument('--inside', action='store_true')
    args = p.parse_args()
    if args.inside:
        return inside(args)
    for tool in ('unbound', 'named', 'ip', 'unshare'):
        if not shutil.which(tool, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'):
            skip(f'no {tool}')
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    if subprocess.run(['unshare', '-Urn', 'true'], capture_output=True).returncode != 0:
        skip('no user namespaces here')
    tmp = tempfile.mkdtemp(prefix='banyan-diff-lab-')
    env = dict(os.environ, BANYAN_LAB_RUN=os.path.join(tmp, 'run'), BANYAN_LAB=args.lab, BANYAN_BUILD=BUILD)
    try:
        up = subprocess.run([find('banyan'), 'lab', 'up', '--namespace'], env=env, capture_output=True, text=True, timeout=120)
        if up.returncode != 0:
            print(up.stdout + up.stderr)
            sys.exit('Bail out! the lab does not start')
        return subprocess.run([find('banyan'), 'lab', 'shell', sys.executable, os.path.abspath(__file__), '--inside',
                               *sys.argv[1:]], env=env, timeout=850).returncode
    finally:
        subprocess.run([find('banyan'), 'lab', 'down'], env=env, capture_output=True, timeout=60)
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
