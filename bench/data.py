"""Zones and queries of the benchmarks: the same bytes on every machine, from fixed seeds.

Every set has a folder under OUT with its zone files and files of queries: messages, each after its
length in two bytes, as bench/load.c reads them. Signed sets are made by Banyan's own signer; all servers
read the same file. What is not text of a zone is in zones(): which zones a server has to serve."""
import bisect
import os
import random
import shutil
import struct
import subprocess

TYPES = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "DS": 43}
VERSION = "3"  # another one makes old files be written again
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SOA = "@ IN SOA ns1 hostmaster 1 7200 3600 1209600 %d\n"


COOKIE = b"\0\x0a\0\x08" + bytes.fromhex("0123456789abcdef")


def message(name, rrtype, recurse=False, edns=None):
    """edns: None, "edns", "cookie" (a client cookie with it), "do" (DNSSEC OK)."""
    labels = [l.encode() for l in name.rstrip(".").split(".") if l]
    wire = b"".join(bytes([len(l)]) + l for l in labels) + b"\0" + struct.pack(">HH", TYPES[rrtype], 1)
    if edns:
        options = COOKIE if edns == "cookie" else b""
        wire += b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000 if edns == "do" else 0, len(options)) + options
    return struct.pack(">HHHHHH", 0, 0x100 if recurse else 0, 1, 0, 0, 1 if edns else 0) + wire


def write_queries(path, questions, recurse=False, edns=None):
    with open(path, "wb") as f:
        for name, rrtype in questions:
            m = message(name, rrtype, recurse, edns)
            f.write(struct.pack(">H", len(m)) + m)


def read_queries(path):
    with open(path, "rb") as f:
        text, at, out = f.read(), 0, []
    while at < len(text):
        n = text[at] << 8 | text[at + 1]
        out.append(text[at + 2:at + 2 + n])
        at += 2 + n
    return out


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
    asked = [(n + ".small.test" if n != "@" else "small.test", t) for n, t in asked]
    write_queries(folder + "/queries", asked)
    write_queries(folder + "/queries-edns", asked, edns="edns")
    write_queries(folder + "/queries-cookie", asked, edns="cookie")


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
    write_queries(folder + "/queries-do", asked, edns="do")


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
    write_queries(folder + "/queries-do", asked, edns="do")


def signed(folder, plain, banyan, *options):
    """The zone of another set, signed; asked the same with DO."""
    here = make(os.path.dirname(folder), plain, banyan)
    subprocess.run([banyan, "zone", "sign", "-q", "-g", "-K", folder, "-o", folder + "/zone", "--no-cds", "--validity", "3650d", *options,
                    "--origin", ORIGINS[plain], here + "/zone"], check=True)
    shutil.copy(here + "/queries-do", folder + "/queries")


def zones_100k(folder, count=100000, texts=1000):
    """A hoster's: 100,000 zones of nine records. A thousand texts are shared by all: names in them are relative."""
    rnd = random.Random("zones")
    for k in range(texts):
        with open("%s/text%d" % (folder, k), "w") as f:
            f.write("$TTL 3600\n@ IN SOA ns%d.hoster.example. hostmaster 1 7200 3600 1209600 300\n" % (k % 50))
            f.write("@ NS ns%d.hoster.example.\n@ NS ns%d.hoster.example.\n@ MX 10 mail\n" % (k % 50, k % 50 + 50))
            f.write("@ A %s\n@ AAAA %s\nwww A %s\nmail A %s\n@ TXT \"v=spf1 mx -all\"\n" % (v4(rnd), v6(rnd), v4(rnd), v4(rnd)))
    names = ["%s.z%d" % (w, rnd.randrange(20)) for w in words(rnd, count, 5, 14)]
    with open(folder + "/list", "w") as f:
        f.writelines("%s. text%d\n" % (n, k % texts) for k, n in enumerate(names))
    kinds = [(35, ("www.", "A")), (25, ("", "A")), (10, ("", "AAAA")), (10, ("", "MX")), (5, ("mail.", "A")), (5, ("", "NS")), (5, ("", "TXT")),
             (5, ("nothing.", "A"))]
    asked = []
    for front, rrtype in rnd.choices([k[1] for k in kinds], [k[0] for k in kinds], k=300000):
        asked.append((front + rnd.choice(names), rrtype))
    write_queries(folder + "/queries", asked, edns="edns")


def chain(rnd, least, most):
    return [rnd.choice(LETTERS) + "".join(rnd.choices(LETTERS, k=rnd.randint(0, 4))) for _ in range(rnd.randint(least, most))]


def shapes(folder):
    """What differs from the usual: deep names, wildcards at all depths, big TXT sets, and names made up at random."""
    rnd = random.Random("shapes")
    origin, deep, wild, big = "shapes.test", [], [], []
    with open(folder + "/zone", "w") as f:
        f.write("$ORIGIN shapes.test.\n$TTL 3600\n" + SOA % 300 + "@ NS ns1\n@ NS ns2\nns1 A %s\nns2 A %s\n" % (v4(rnd), v4(rnd)))
        for n in range(2000):
            deep.append(".".join(chain(rnd, 8, 24) + ["d%d" % (n % 200), "deep"]))
            f.write("%s A %s\n" % (deep[-1], v4(rnd)))
        for n in range(2000):
            wild.append(".".join(chain(rnd, 0, 5) + ["w%d" % n, "wild"]))
            f.write("*.%s A %s\n" % (wild[-1], v4(rnd)))
            if n % 4 == 0:
                f.write("there.%s AAAA %s\n" % (wild[-1], v6(rnd)))
        for n in range(1000):
            big.append("t%d.txt" % n)
            for part in range(rnd.randint(2, 7)):
                f.write('%s TXT "%d%s"\n' % (big[-1], part, "".join(rnd.choices(LETTERS, k=rnd.randint(100, 230)))))
    asked = []
    for _ in range(100000):
        n, x = rnd.choice(deep), rnd.random()
        asked.append((n if x < 0.5 else n.split(".", rnd.randint(1, 6))[-1] if x < 0.7 else "no." + n if x < 0.85 else n.replace(".", ".no.", 1), "A"))
    write_queries(folder + "/queries-deep", [("%s.%s" % (n, origin), t) for n, t in asked], edns="edns")
    asked = [(("there." if rnd.random() < 0.1 else ".".join(chain(rnd, 1, 4)) + ".") + rnd.choice(wild), "A") for _ in range(100000)]
    write_queries(folder + "/queries-wild", [("%s.%s" % (n, origin), t) for n, t in asked], edns="edns")
    write_queries(folder + "/queries-txt", [("%s.%s" % (rnd.choice(big), origin), "TXT") for _ in range(100000)], edns="edns")
    write_queries(folder + "/queries-flood", [("%s.%s" % ("".join(rnd.choices(LETTERS, k=12)), origin), "A") for _ in range(300000)], edns="edns")


LEVELS = {"root": ["127.53.1.1"], "tlds": ["127.53.2.1", "127.53.2.2"], "leaves": ["127.53.3.1", "127.53.3.2"]}


def zipf(rnd, n, count):
    """Places 0 to n-1, the k-th asked for in proportion to 1/k."""
    total, sums = 0.0, []
    for k in range(n):
        total += 1 / (k + 1)
        sums.append(total)
    return [min(bisect.bisect_left(sums, rnd.random() * total), n - 1) for _ in range(count)]


def world(folder, tlds=10, zones=2000, hosts=10):
    """A root, ten TLDs, 20,000 zones of ten hosts, each level on two servers (the root on one), for resolvers to walk."""
    rnd = random.Random("world")
    for part in LEVELS:
        os.makedirs(folder + "/" + part, exist_ok=True)
    ns = lambda part: "@ NS ns1\n@ NS ns2\nns1 A %s\nns2 A %s\n" % tuple(LEVELS[part])  # noqa: E731
    glue = lambda n, part: "%s NS ns1.%s\n%s NS ns2.%s\nns1.%s A %s\nns2.%s A %s\n" % (  # noqa: E731
        n, n, n, n, n, LEVELS[part][0], n, LEVELS[part][1])
    with open(folder + "/root/root.zone", "w") as f:
        f.write("$ORIGIN .\n$TTL 86400\n. IN SOA ns.root. hm.root. 1 7200 3600 1209600 900\n. NS ns.root.\n")
        f.write("ns.root. A 127.53.1.1\n" + "".join(glue("t%d" % t, "tlds") for t in range(tlds)))
    with open(folder + "/leaf", "w") as f:
        f.write("$TTL 86400\n" + SOA % 900 + ns("leaves") + "".join("host%d A %s\n" % (h, v4(rnd)) for h in range(hosts)))
    for t in range(tlds):
        with open(folder + "/tlds/t%d.zone" % t, "w") as f:
            f.write("$ORIGIN t%d.\n$TTL 86400\n" % t + SOA % 900 + ns("tlds"))
            f.writelines(glue("z%d" % z, "leaves") for z in range(zones))
        for z in range(zones):
            path = folder + "/leaves/z%d.t%d.zone" % (z, t)
            if not os.path.exists(path):
                os.link(folder + "/leaf", path)
    with open(folder + "/hints", "w") as f:
        f.write(". 86400 IN NS ns.root.\nns.root. 86400 IN A 127.53.1.1\n")
    all_zones = ["z%d.t%d" % (z, t) for z in range(zones) for t in range(tlds)]
    rnd.shuffle(all_zones)
    asked = lambda part: [("host%d.%s" % (h, z), "A") for z in part for h in range(hosts)]  # noqa: E731
    parts = []
    for k in range(10):  # each: every name of a tenth of the zones
        parts.append(asked(all_zones[k::10]))
        rnd.shuffle(parts[k])
        write_queries(folder + "/miss%d" % k, parts[k], True)
    write_queries(folder + "/all", [q for p in parts for q in p], True)
    for k in range(2):  # each zone once
        write_queries(folder + "/deep%d" % k, [("host%d.%s" % (rnd.randrange(hosts), z), "A") for z in all_zones[k::2]], True)
    for k in range(3):  # three questions for every two names
        third = [q for p in parts[k::3] for q in p][:len(all_zones) * hosts // 3]
        rnd.shuffle(third)
        write_queries(folder + "/zipf%d" % k, [third[i] for i in zipf(rnd, len(third), len(third) * 3 // 2)], True)
    primed = [q for p in parts for q in p[:1000]]
    write_queries(folder + "/prime", primed, True)
    write_queries(folder + "/queries", rnd.choices(primed, k=100000), True)


ORIGINS = {"small": "small.test.", "root": ".", "root-signed": ".", "tld": "tld.", "tld-signed": "tld.", "shapes": "shapes.test."}
MAKE = {"small": small, "root": root, "tld": tld, "zones": zones_100k, "shapes": shapes, "world": world,
        "root-signed": lambda f, b: signed(f, "root", b), "tld-signed": lambda f, b: signed(f, "tld", b, "--opt-out")}


def zones(name, folder):
    """[(origin, file)] that a server of this set serves."""
    if name != "zones":
        return [(ORIGINS[name], folder + "/zone")]
    with open(folder + "/list") as f:
        return [(z, folder + "/" + path) for z, path in (line.split() for line in f)]


def make(out, name, banyan=None):
    """The folder of a set, written unless it is there. banyan: the program that signs."""
    folder = os.path.join(out, name)
    stamp = folder + "/version"
    if not os.path.exists(stamp) or open(stamp).read() != VERSION:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        MAKE[name](folder, banyan) if name.endswith("-signed") else MAKE[name](folder)
        with open(stamp, "w") as f:
            f.write(VERSION)
    return folder
