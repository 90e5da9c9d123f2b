#!/usr/bin/python3
"""What a running resolver tells of failures, of slow answers and of other servers, when nobody asked it beforehand.
Prints TAP.

    BANYAN_BUILD=build tools/e2e_show.py
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dns.rcode  # noqa: E402
import dns.rdataclass  # noqa: E402
import e2e_resolver as e  # noqa: E402
from e2e_resolver import NET, ok  # noqa: E402


def build():
    """good, and a zone for each way of being broken"""
    w = e.World()
    words = {'good': 3, 'lame': 4, 'mute': 5, 'refuses': 6, 'broken': 7, 'slow': 8}
    w.serve(1, e.Zone('.', f'@ 300 NS a.root.\na.root. 300 A {NET}.1\ntest. 300 NS ns.test.\nns.test. 300 A {NET}.2\n'))
    w.serve(2, e.Zone('test.', f'@ 300 NS ns\nns 300 A {NET}.2\n' +
                      ''.join(e.delegation(x, (n,)) for x, n in words.items())))
    more = 'www 300 A 192.0.2.80\n'

    def error(code):
        def hook(world, seen, q, r):
            r.answer, r.authority, r.additional = [], [], []
            r.flags &= ~e.dns.flags.AA
            r.set_rcode(code)
            return r
        return hook

    w.serve(3, e.zone_of('good', more, (3,)))
    w.serve(4, hook=error(dns.rcode.NOERROR))
    w.serve(5, hook=lambda world, seen, q, r: None)
    w.serve(6, hook=error(dns.rcode.REFUSED))
    w.serve(7, hook=error(dns.rcode.SERVFAIL))
    w.serve(8, e.zone_of('slow', more, (8,)), hook=lambda world, seen, q, r: [(0.35, r)])
    with open(e.path('hints'), 'w') as f:
        f.write(f'. 3600 NS a.root.\na.root. 3600 A {NET}.1\n')
    e.threading.Thread(target=w.run, daemon=True).start()
    return w


def rows(r, *args):
    out = r.ctl(*args, '--json')
    return json.loads(out.stdout) if out.returncode == 0 else []


def part_failures(w, r):
    ok(r.ctl('failures').stdout == 'no such failure is known\n' and rows(r, 'failures') == [], 'no failures at the start')
    ok(e.rcode(r.ask('www.good.test')) == 'NOERROR' and rows(r, 'failures') == [], 'a good answer is none')
    want = {'lame': ('reply-lame', 4), 'mute': ('timeout', 5), 'refuses': ('reply-lame', 6), 'broken': ('reply-rcode', 7)}
    for word in want:
        for _ in range(3):
            ok(e.rcode(r.ask(f'www.{word}.test')) == 'SERVFAIL', f'{word}: SERVFAIL')
    got = {x['name']: x for x in rows(r, 'failures')}
    ok(len(got) == 4, 'as many failures as names', got.keys())
    for word, (reason, n) in want.items():
        x = got.get(f'www.{word}.test.', {})
        ok(x.get('reason') == reason and x.get('count') == 3 and x.get('type') == 'A', f'{word}: {reason}, three times', x)
        ok(x.get('client') == '127.0.0.0/24' and x.get('ede', -1) >= 0 and x.get('rcode') == 'SERVFAIL',
           f'{word}: network of the client, extended error', x)
        ok(any(u['address'] == f'{NET}.{n}' and u['asked'] > 0 for u in x.get('upstream', [])),
           f'{word}: the server is named', x.get('upstream'))
        words = r.ctl('failures', f'www.{word}.test').stdout
        ok(f'{NET}.{n}' in words and 'This is for' in words and words.startswith(f'www.{word}.test. A could not'),
           f'{word}: a paragraph names server and who has to act', words)
        ok(x.get('trace') and x.get('explain', '') and x['explain'] in words, f'{word}: trace and paragraph in the JSON', x)
    ok(got['www.mute.test.']['took_us'] > 300000 and
       any(u['without_reply'] > 0 for u in got['www.mute.test.']['upstream']), 'what a silent server cost')
    table = r.ctl('failures').stdout.splitlines()
    ok(len(table) == 7 and all('SERVFAIL' in x for x in table[1:5]), 'a line each for people', '\n'.join(table))
    ok([x['name'] for x in rows(r, 'failures', '--reason', 'timeout')] == ['www.mute.test.'], '--reason')
    ok(len(rows(r, 'failures', '--below', 'test')) == 4 and rows(r, 'failures', '--below', 'good.test') == [], '--below')
    ok(len(rows(r, 'failures', '--last', '2')) == 2 and rows(r, 'failures', 'www.mute.test', 'MX') == [], '--last, and a type')


def part_slow(w, r):
    r.ask('www.slow.test')
    x = rows(r, 'slow', 'www.slow.test', '--hour')
    ok(len(x) == 1 and x[0]['rcode'] == 'NOERROR' and x[0]['took_us'] > 350000, 'a slow answer is remembered', x)
    waits = {u['address']: u['waited_us'] for u in x[0]['upstream']} if x else {}
    ok(waits.get(f'{NET}.8', 0) > 350000, 'and for which server it waited', waits)
    mine = rows(r, 'slow', '--last', '3')
    ok(len(mine) == 3 and mine[0]['took_us'] >= mine[1]['took_us'] >= mine[2]['took_us'], 'the slowest first')
    ok(rows(r, 'slow', '--over', '20000') == [] and r.ctl('slow', '--over', '20000').stdout.startswith('no such'), '--over')
    ok(f'{NET}.8' in r.ctl('slow').stdout, 'a table for people', r.ctl('slow').stdout)


def part_servers(w, r):
    got = {x['address']: x for x in rows(r, 'servers')}
    ok(got.get(f'{NET}.5', {}).get('silent_in_a_row', 0) > 0 and got[f'{NET}.5']['avoided_s'] > 0, 'a silent server', got.keys())
    ok(got.get(f'{NET}.8', {}).get('srtt_us', 0) > 300000, 'a slow one')
    x = rows(r, 'servers', 'mute.test')
    ok([y['address'] for y in x] == [f'{NET}.5'], 'the servers of a zone', x)
    x = rows(r, 'servers', f'{NET}.3')
    ok(len(x) == 1 and x[0]['answers'] > 0 and x[0]['without_reply'] == 0, 'one address', x)
    ok('silent to the last' in r.ctl('servers').stdout, 'a table for people', r.ctl('servers').stdout)


def part_stats(w, r):
    for _ in range(200):
        r.ask('www.good.test')
    x = r.stats('answers')
    ok(x['hit_percent'] > 80 and x['p50_us'] == 0 and x['servfail_per_million'] > 1000, 'shares', x)
    ok(x['miss_p99_us'] > 350000 and x['miss_p50_us'] <= x['miss_p99_us'], 'times', x)


def part_why(w, r):
    def why(name, rdtype='TXT'):
        return r.ask(name, rdtype, rdclass=dns.rdataclass.CH)

    def words(a):
        return b''.join(x for rr in a.answer for y in rr for x in y.strings).decode()

    a = why('www.lame.test.A.explain.banyan')
    ok(e.rcode(a) == 'NOERROR' and f'{NET}.4' in words(a) and 'operator of lame.test.' in words(a), 'told over DNS', words(a))
    a = why('www.good.test.A.explain.banyan')
    ok('192.0.2.80' in words(a) and 'Nothing is wrong' in words(a) and a.answer[0].ttl == 0, 'what is good, too', words(a))
    ok(e.rcode(why('www.good.test.XYZ.explain.banyan')) == 'FORMERR', 'no such type')
    ok(e.rcode(why('www.good.test.A.explain.banyan', 'A')) == 'REFUSED', 'only as text')
    ok(rows(r, 'failures', '--below', 'explain.banyan') == [], 'which is no failure of its own')


def part_many(w, r):
    names = [f'n{i}.refuses.test' for i in range(1100)]
    for i in range(0, len(names), 100):
        r.many(names[i:i + 100])
    n = rows(r, 'failures', '--below', 'refuses.test')
    ok(1000 <= len(n) <= 2000, 'a thousand failures a worker at most', len(n))
    begin = time.time()
    ok(r.ctl('failures').returncode == 0 and time.time() - begin < 10, 'all of them are told')


def main():
    w = build()
    try:
        with e.Resolver(w, serve_stale=False) as r:
            for part in (part_failures, part_slow, part_servers, part_stats, part_why, part_many):
                part(w, r)
    finally:
        w.stop = True
        e.shutil.rmtree(e.TMP, ignore_errors=True)
    print(f'1..{e.points}')
    return e.failed > 0


if __name__ == '__main__':
    sys.exit(main())
