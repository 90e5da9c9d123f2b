"""Zones and queries of the benchmarks: the same bytes on every machine, from fixed seeds.

Every row has a folder under OUT with its zone files and `queries` (and `prime`): messages, each after
its length in two bytes, as bench/load.c reads them."""
import os
import random
import struct

TYPES = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "DS": 43}
VERSION = "1"  # another one makes old files be written again
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SOA = "@ IN SOA ns1 hostmaster 1 7200 3600 1209600 %d\n"


def message(name, rrtype, recurse=False):
    labels = [l.encode() for l in name.rstrip(".").split(".") if l]
    wire = b"".join(bytes([len(l)]) + l for l in labels) + b"\0" + struct.pack(">HH", TYPES[rrtype], 1)
    return struct.pack(">HHHHHH", 0, 0x100 if recurse else 0, 1, 0, 0, 0) + wire


def write_queries(path, questions, recurse=False):
    with open(path, "wb") as f:
        for name, rrtype in questions:
            m = message(name, rrtype, recurse)
            f.write(struct.pack(">H", len(m)) + m)


def words(rnd, count, least, most):
    out = {}
    while len(out) < count:
        out["".join(rnd.choices(LETTERS, k=rnd.randint(least, most)))] = None
    return list(out)


def v4(rnd):
    return "198.51.%d.%d" % (rnd.randrange(256), rnd.randrange(1, 255))


def v6(rnd):
    return "2001:db8:%x::%x" % (rnd.randrange(65536), rnd.randrange(1, 65536))


def small(folder):
    """A thousand names: hosts, mail, aliases, wildcards, delegations; a twentieth of the questions miss."""
    rnd = random.Random("small")
    names = words(rnd, 1000, 4, 14)
    hosts, mail, alias, wild, cut = names[:650], names[650:750], names[750:850], names[850:920], names[920:]
    with open(folder + "/zone", "w") as f:
        f.write("$ORIGIN small.test.\n$TTL 3600\n" + SOA % 300 + "@ NS ns1\n@ NS ns2\n@ MX 10 mail\n")
        for h in ["ns1", "ns2", "mail"] + hosts:
            f.write("%s A %s\n%s AAAA %s\n" % (h, v4(rnd), h, v6(rnd)))
        for h in mail:
            f.write('%s MX 10 %s\n%s TXT "v=spf1 a:%s -all"\n' % (h, rnd.choice(hosts), h, rnd.choice(hosts)))
        for h in alias:
            f.write("%s CNAME %s\n" % (h, rnd.choice(hosts)))
        for h in wild:
            f.write("*.%s A %s\n" % (h, v4(rnd)))
        for h in cut:
            f.write("%s NS a.ns.%s\n%s NS b.ns.%s\na.ns.%s A %s\nb.ns.%s A %s\n" % (h, h, h, h, h, v4(rnd), h, v4(rnd)))
    kinds = [(42, lambda: (rnd.choice(hosts), "A")), (20, lambda: (rnd.choice(hosts), "AAAA")),
             (10, lambda: (rnd.choice(mail), rnd.choice(["MX", "TXT"]))), (10, lambda: (rnd.choice(alias), "A")),
             (6, lambda: ("x%d.%s" % (rnd.randrange(10000), rnd.choice(wild)), "A")),
             (6, lambda: ("www." + rnd.choice(cut), "A")), (5, lambda: ("-%d" % rnd.randrange(10**6), "A"))]
    asked = [f() for f in rnd.choices([k[1] for k in kinds], [k[0] for k in kinds], k=100000)]
    asked += [("@", rnd.choice(["SOA", "NS", "MX"])) for _ in range(1000)]
    rnd.shuffle(asked)
    write_queries(folder + "/queries", [(n + ".small.test" if n != "@" else "small.test", t) for n, t in asked])


def root(folder):
    """Like the root: 1,500 delegations with DS and glue, and a third of the questions for names that are not there."""
    rnd = random.Random("root")
    tlds = words(rnd, 1500, 2, 10)
    with open(folder + "/zone", "w") as f:
        f.write("$ORIGIN .\n$TTL 172800\n@ IN SOA a.root. hostmaster.root. 1 1800 900 604800 86400\n")
        for s in "abcdefghijklm":
            f.write(". NS %s.root.\n%s.root. A %s\n%s.root. AAAA %s\n" % (s, s, v4(rnd), s, v6(rnd)))
        for i, t in enumerate(tlds):
            home = t if i < 500 else tlds[rnd.randrange(500)]  # a third has servers of its own, others share them
            for s in "abcd":
                f.write("%s. NS %s.nic.%s.\n" % (t, s, home))
                if home == t:
                    f.write("%s.nic.%s. A %s\n%s.nic.%s. AAAA %s\n" % (s, t, v4(rnd), s, t, v6(rnd)))
            if rnd.random() < 0.9:
                f.write("%s. DS %d 13 2 %064X\n" % (t, rnd.randrange(65536), rnd.getrandbits(256)))
    asked = []
    for _ in range(200000):
        x = rnd.random()
        if x < 0.6:
            asked.append(("d%d.%s" % (rnd.randrange(10**6), rnd.choice(tlds)), rnd.choice(["A", "A", "AAAA", "NS"])))
        elif x < 0.66:
            asked.append((rnd.choice(tlds), "DS"))
        else:
            asked.append(("h%d.-%d" % (rnd.randrange(100), rnd.randrange(10**6)), "A"))
    write_queries(folder + "/queries", asked)


def tld(folder, count=1000000):
    """A million delegations: half to servers elsewhere, three tenths to hosters inside, the rest with glue of its own."""
    rnd = random.Random("tld")
    names = words(rnd, count, 6, 16)
    with open(folder + "/zone", "w", buffering=1 << 20) as f:
        f.write("$ORIGIN tld.\n$TTL 86400\n" + SOA % 900 + "@ NS ns1.nic\n@ NS ns2.nic\n")
        f.write("ns1.nic A %s\nns2.nic A %s\n" % (v4(rnd), v4(rnd)))
        for h in range(2000):
            for s in ("a", "b"):
                f.write("hoster-%d NS %s.hoster-%d\n%s.hoster-%d A %s\n" % (h, s, h, s, h, v4(rnd)))
        for n in names:
            x = rnd.random()
            if x < 0.5:
                home = ".dns-%d.example." % rnd.randrange(5000)
            elif x < 0.8:
                home = ".hoster-%d" % rnd.randrange(2000)
            else:
                home = "." + n
                f.write("a.%s A %s\nb.%s A %s\n" % (n, v4(rnd), n, v4(rnd)))
            f.write("%s NS a%s\n%s NS b%s\n" % (n, home, n, home))
            if rnd.random() < 0.05:
                f.write("%s DS %d 13 2 %064X\n" % (n, rnd.randrange(65536), rnd.getrandbits(256)))
    asked = []
    for _ in range(500000):
        n = rnd.choice(names) if rnd.random() < 0.8 else "-%d" % rnd.randrange(10**9)
        asked.append((("www." if rnd.random() < 0.5 else "") + n + ".tld", "A"))
    write_queries(folder + "/queries", asked)


def hits(folder, tlds=4, zones=100, hosts=25):
    """A root at 127.53.1.1, TLDs at 127.53.2.1, their zones at 127.53.3.1; 10,000 names, asked for again and again."""
    rnd = random.Random("hits")
    for part in ("root", "tlds", "leaves"):
        os.makedirs(folder + "/" + part, exist_ok=True)
    names = []
    with open(folder + "/root/root.zone", "w") as f:
        f.write("$ORIGIN .\n$TTL 86400\n. IN SOA ns.root. hm.root. 1 7200 3600 1209600 900\n. NS ns.root.\n")
        f.write("ns.root. A 127.53.1.1\n")
        for t in range(tlds):
            f.write("t%d. NS ns.t%d.\nns.t%d. A 127.53.2.1\n" % (t, t, t))
    for t in range(tlds):
        with open(folder + "/tlds/t%d.zone" % t, "w") as f:
            f.write("$ORIGIN t%d.\n$TTL 86400\n" % t + SOA % 900 + "@ NS ns\nns A 127.53.2.1\nns1 A 127.53.2.1\n")
            for z in range(zones):
                f.write("z%d NS ns.z%d\nns.z%d A 127.53.3.1\n" % (z, z, z))
        for z in range(zones):
            with open(folder + "/leaves/z%d.t%d.zone" % (z, t), "w") as f:
                f.write("$ORIGIN z%d.t%d.\n$TTL 86400\n" % (z, t) + SOA % 900 + "@ NS ns\nns A 127.53.3.1\n")
                for h in range(hosts):
                    f.write("host%d A %s\n" % (h, v4(rnd)))
                    names.append(("host%d.z%d.t%d" % (h, z, t), "A"))
    with open(folder + "/hints", "w") as f:
        f.write(". 86400 IN NS ns.root.\nns.root. 86400 IN A 127.53.1.1\n")
    write_queries(folder + "/prime", names, True)
    write_queries(folder + "/queries", rnd.choices(names, k=100000), True)


ORIGINS = {"small": "small.test.", "root": ".", "tld": "tld."}


def make(out, row):
    """The folder of a row, written unless it is there."""
    folder = os.path.join(out, row)
    stamp = folder + "/version"
    if not os.path.exists(stamp) or open(stamp).read() != VERSION:
        os.makedirs(folder, exist_ok=True)
        globals()[row](folder)
        with open(stamp, "w") as f:
            f.write(VERSION)
    return folder
