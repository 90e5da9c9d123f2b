#!/usr/bin/env python3
"""banyan zone verify beside dnssec-verify, ldns-verify-zone and kzonecheck: random zones signed by
dnssec-signzone, ldns-signzone and kzonesign must be good, and of the same zones with one thing broken all must
say the same, but for what stands in LENIENT. Prints TAP.

    BANYAN_BUILD=build tools/e2e_verify.py [--zones N] [--breaks N] [--seed N] [--seconds N] [--keep DIR]

The peers come from Debian's packages bind9-utils, ldnsutils and knot-dnssecutils;
one that is not installed is left out.
"""
import argparse
import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BANYAN = os.path.join(os.environ.get("BANYAN_BUILD", os.path.join(HERE, "build")), "banyan")
ORIGIN = "z.test."
ALGORITHMS = {"ECDSAP256SHA256": 13, "ED25519": 15, "RSASHA256": 8, "ECDSAP384SHA384": 14, "ED448": 16,
              "RSASHA512": 10}
DS = "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"

# A peer says good where Banyan says bad: that is right if this says why for each of Banyan's codes. That a peer
# says bad where Banyan says good is never right.
ONE = "one good signature of an RRset is enough for it"
LENIENT_RRSIG = {"rrsig-" + w: ONE for w in ("bogus", "labels", "signer", "times", "expired", "not-yet-valid", "unknown-key",
                                             "original-ttl", "algorithm-missing")}
LENIENT = {
    "dnssec-verify": {
        **{"rrsig-" + w: ONE for w in ("bogus", "labels", "signer", "times", "original-ttl")},
        "zonemd-mismatch": "does not look at ZONEMD",
        "no-sep-signature": "is told to take any key (-z)",
    },
    "ldns-verify-zone": {
        **LENIENT_RRSIG,
        "rrsig-covers-nothing": "looks at no signature without its RRset",
        "ds-not-at-delegation": "takes DS as data",
        "rrsig-original-ttl": "takes the TTL from the signature",
        "nsec-extra": "takes a name with nothing but NSEC for a name",
        "nsec-next": "takes a name with nothing but NSEC for a name",
        "nsec-bitmap": "takes a signature without its RRset for the type",
        "nsec3-bitmap": "takes a signature without its RRset for the type",
        "nsec3-extra": "looks at no NSEC3 that no name needs",
        "unreadable": "takes a zone without NS",
        "no-sep-signature": "takes any key",
        "nsec3param-missing": "finds NSEC3 without NSEC3PARAM",
    },
    "kzonecheck": {
        **LENIENT_RRSIG,
        "nsec3-extra": "looks at no NSEC3 that no name needs",
        "zonemd-mismatch": "does not look at ZONEMD",
    },
}
NO_DNSSEC = {"missing glue record"}  # what kzonecheck says besides
points = failed = 0


def point(ok, what, detail=""):
    global points, failed
    points += 1
    failed += not ok
    print("%s %d - %s" % ("ok" if ok else "not ok", points, what))
    for line in detail.splitlines()[:12]:
        print("# " + line)
    sys.stdout.flush()


def call(*argv, cwd=None):
    """Exit status, None if it does not end, and what was said."""
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd,
                           timeout=4)
    except subprocess.TimeoutExpired:
        return None, ""
    return p.returncode, p.stdout.decode(errors="replace")


# ---- zones ---------------------------------------------------------------------------------------

class Zone:
    """A random zone as lines; every name has a purpose, so that it is valid."""

    def __init__(self, rng):
        self.rng, self.lines, self.used = rng, [], {"@"}
        self.put("@", "SOA", "ns hostmaster %d 3600 600 86400 %d" % (rng.randrange(1, 9999), rng.choice([300, 3600, 600])))
        self.put("@", "NS", "ns")
        self.put("ns", "A", "192.0.2.1")
        self.used.add("ns")
        for _ in range(rng.randrange(1, 25)):
            self.name()

    def put(self, owner, rtype, rdata, ttl=3600):
        self.lines.append("%s %d IN %s %s" % (owner, ttl, rtype, rdata))

    def fresh(self, depth=None):
        labels = ["a", "b", "c", "www", "mail", "x-1", "_tcp", "zz", "0", "M", "ent", "\\000", "\\200", "a\\.b"]
        for _ in range(50):
            n = ".".join(self.rng.choice(labels) for _ in range(depth or self.rng.choice([1, 1, 1, 2, 2, 3, 4])))
            low = n.lower()
            near = (u for u in self.used if low == u or low.endswith("." + u) or u.endswith("." + low))
            if next(near, None) is None:
                return n, low
        return None, None

    def name(self):
        rng = self.rng
        n, low = self.fresh()
        if n is None:
            return
        self.used.add(low)
        kind = rng.randrange(12)
        if kind < 4:
            for t, rd in rng.sample([("A", "192.0.2.%d" % rng.randrange(256)), ("AAAA", "2001:db8::%x" % rng.randrange(65536)),
                                     ("TXT", '"t %d" "u"' % rng.randrange(99)), ("MX", "10 Mail"), ("SRV", "1 2 3 ns"),
                                     ("CAA", '0 issue "ca.test"'), ("TYPE65280", "\\# 3 010203")], rng.randrange(1, 4)):
                self.put(n, t, rd, rng.choice([60, 3600]))
        elif kind == 4:
            self.put(n, "CNAME", rng.choice(["ns", "other.example.", "Www"]))
        elif kind == 5:
            self.put(n, "DNAME", "other.example.")
        elif kind == 6:
            self.put("*." + n, "TXT", '"wild"')
            self.used.add("*." + low)
        elif kind < 9:
            self.put(n, "NS", "ns." + n)
            self.put("ns." + n, "A", "192.0.2.9")
            if rng.random() < 0.5:
                self.put(n, "NS", "ns.other.example.")
        else:
            self.put(n, "NS", "ns.other.example.")
            self.put(n, "DS", "%d 13 2 %s" % (rng.randrange(65536), DS))

    def text(self):
        return "$ORIGIN %s\n$TTL 3600\n%s\n" % (ORIGIN, "\n".join(self.lines))


class Signers:
    def __init__(self, folder, rng, algorithms):
        self.dir, self.rng, self.keys = folder, rng, {}
        for a in algorithms:
            got = []
            for flags in ([], ["-f", "KSK"]):
                bits = ["-b", "1024"] if a.startswith("RSA") else []
                rc, out = call("dnssec-keygen", "-q", "-K", folder, "-a", a, *bits, *flags, ORIGIN)
                if rc == 0:
                    got.append(out.split()[-1])
            if len(got) == 2:
                self.keys[a] = got
        self.known = [t for t in ("dnssec-signzone", "ldns-signzone", "kzonesign") if shutil.which(t)]
        if not self.keys:
            self.known = []

    def sign(self, zone):
        """Returns (path, how), path None where the signer refused."""
        tool = self.rng.choice(self.known)
        return {"dnssec-signzone": self.bind, "ldns-signzone": self.ldns, "kzonesign": self.knot}[tool](zone)

    def choose(self):
        names = self.rng.sample(sorted(self.keys), 2 if len(self.keys) > 1 and self.rng.random() < 0.15 else 1)
        files = []
        for a in names:
            files += self.keys[a]
        return names, files

    def write(self, zone, files):
        path = os.path.join(self.dir, "in.zone")
        with open(path, "w") as f:
            f.write(zone.text())
            for k in files:
                with open(os.path.join(self.dir, k + ".key")) as key:
                    f.writelines(l for l in key if not l.startswith(";"))
        return path

    def bind(self, zone):
        rng = self.rng
        names, files = self.choose()
        how = rng.choice([[], [], ["-3", "-"], ["-3", "-", "-A"], ["-3", "aabb", "-H", "3"]])
        path, out = self.write(zone, files), os.path.join(self.dir, "out.zone")
        rc, said = call("dnssec-signzone", "-q", "-P", "-K", self.dir, "-o", ORIGIN, "-O", "full", *how, "-f", out, path,
                        *files, cwd=self.dir)
        return (out if rc == 0 else None), "dnssec-signzone %s %s" % ("+".join(names), " ".join(how))

    def ldns(self, zone):
        rng = self.rng
        names, files = self.choose()
        how = rng.choice([[], [], ["-n", "-t", "0"], ["-n", "-p", "-t", "0"], ["-n", "-s", "aabb", "-t", "3"], ["-z", "1:1"]])
        more = ["-A"] if rng.random() < 0.3 else []
        if len(names) > 1:
            more.append("-U")
        path, out = self.write(zone, files), os.path.join(self.dir, "out.zone")
        rc, said = call("ldns-signzone", "-o", ORIGIN, *how, *more, "-f", out, path,
                        *[os.path.join(self.dir, k) for k in files], cwd=self.dir)
        return (out if rc == 0 else None), "ldns-signzone %s %s" % ("+".join(names), " ".join(how + more))

    def knot(self, zone):
        rng = self.rng
        a = rng.choice(sorted(n for n in self.keys if n != "RSASHA512"))
        nsec3, out_opt, single, md = rng.random() < 0.6, rng.random() < 0.4, rng.random() < 0.4, rng.random() < 0.3
        word = "%s-%d%d%d" % (a.lower(), nsec3, out_opt, single)
        home = os.path.join(self.dir, "knot-" + word)
        os.makedirs(home, exist_ok=True)
        with open(os.path.join(home, "in.zone"), "w") as f:
            f.write(zone.text())
        with open(os.path.join(home, "knot.conf"), "w") as f:
            f.write("""database:
    storage: %s
policy:
  - id: p
    algorithm: %s
    %s
    nsec3: %s
    nsec3-opt-out: %s
    nsec3-iterations: 0
    nsec3-salt-length: 0
    single-type-signing: %s
    cds-cdnskey-publish: rollover
zone:
  - domain: %s
    storage: %s
    file: in.zone
    dnssec-signing: on
    dnssec-policy: p
    zonemd-generate: %s
""" % (home, a.lower(), "ksk-size: 1024\n    zsk-size: 1024" if a.startswith("RSA") else "", "on" if nsec3 else "off",
                "on" if out_opt else "off", "on" if single else "off", ORIGIN, home, "zonemd-sha384" if md else "none"))
        target = os.path.join(home, "out")
        os.makedirs(target, exist_ok=True)
        rc, said = call("kzonesign", "-c", os.path.join(home, "knot.conf"), "-o", target, ORIGIN)
        got = [os.path.join(target, f) for f in os.listdir(target)]
        return (got[0] if rc == 0 and got else None), "kzonesign %s" % word


# ---- breaking ------------------------------------------------------------------------------------

LINE = re.compile(r"^(\S+)\s+(\d+)\s+(?:IN\s+)?([A-Z0-9]+)\s+(.*)$")


def records(path):
    out = []
    for line in open(path, errors="surrogateescape"):
        line = line.split(";", 1)[0].rstrip() if '"' not in line else line.rstrip()
        m = LINE.match(line)
        if m:
            out.append([m.group(1), int(m.group(2)), m.group(3), m.group(4)])
    return out


def write(recs, path):
    with open(path, "w", errors="surrogateescape") as f:
        for r in recs:
            f.write("%s\t%d\tIN\t%s\t%s\n" % tuple(r))


def flip_base64(rng, text):
    head, _, tail = text.rpartition(" ")
    raw = bytearray(base64.b64decode(tail + "=" * (-len(tail) % 4)))
    if not raw:
        return None
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return head + " " + base64.b64encode(bytes(raw)).decode()


def join_signature(text):
    f = text.split()
    return " ".join(f[:8] + ["".join(f[8:])])


def break_zone(rng, recs):
    """Changes one thing; returns what, or None."""
    r = rng.choice(recs)
    kind = rng.randrange(16)
    own = [x for x in recs if x[0].lower() == r[0].lower()]
    if kind == 0 and r[2] != "SOA":
        recs.remove(r)
        return "lost %s %s" % (r[0], r[2])
    if kind == 1 and r[2] == "RRSIG":
        r[3] = flip_base64(rng, join_signature(r[3])) or r[3]
        return "flipped a bit of the signature of %s %s" % (r[0], r[3].split()[0])
    if kind == 2 and r[2] == "RRSIG":
        f = r[3].split()
        i = rng.choice([2, 3, 4, 5, 6])
        f[i] = str(int(f[i]) + 1 if i < 4 or i == 6 else 20010101000000 if i == 4 else 20350101000000)
        r[3] = " ".join(f)
        return "field %d of the signature of %s %s" % (i, r[0], f[0])
    if kind == 3 and r[2] not in ("RRSIG",):
        for x in recs:
            if x[0].lower() == r[0].lower() and (x[2] == r[2] or (x[2] == "RRSIG" and x[3].split()[0] == r[2])):
                x[1] = 17
        return "TTL of %s %s" % (r[0], r[2])
    if kind == 4 and r[2] in ("NSEC", "NSEC3"):
        f = r[3].split()
        f = f + ["SPF"] if rng.random() < 0.5 else f[:-1]
        if len(f) < 2:
            return None
        r[3] = " ".join(f)
        return "bitmap of %s %s" % (r[0], r[2])
    if kind == 5 and r[2] == "A":
        r[3] = "198.51.100.7"
        return "address of %s" % r[0]
    if kind == 6:
        r[0] = r[0].swapcase()
        return "case of %s" % r[0]
    if kind == 7:
        recs.append(["new." + ORIGIN, 3600, "TXT", '"x"'])
        return "a new name"
    if kind == 8:
        gone = [x for x in own if x[2] in ("NSEC", "NSEC3") or (x[2] == "RRSIG" and x[3].startswith("NSEC"))]
        for x in gone:
            recs.remove(x)
        return "lost NSEC of %s" % r[0] if gone else None
    if kind == 9:
        gone = [x for x in own if x[2] == "RRSIG"]
        for x in gone:
            recs.remove(x)
        return "lost signatures of %s" % r[0] if gone else None
    if kind == 10 and r[0].lower() != ORIGIN:
        for x in own:
            recs.remove(x)
        return "lost %s" % r[0]
    if kind == 11 and r[2] == "NSEC3":
        f = r[3].split()
        f[4] = f[4][:-1] + ("0" if f[4][-1] not in "0" else "g")
        r[3] = " ".join(f)
        return "next hash of %s" % r[0]
    if kind == 12 and r[2] == "NSEC":
        f = r[3].split()
        f[0] = rng.choice([x[0] for x in recs])
        r[3] = " ".join(f)
        return "next name of %s" % r[0]
    if kind == 13 and r[2] == "DNSKEY":
        recs.remove(r)
        return "lost DNSKEY %s" % r[3][:8]
    if kind == 14 and r[2] == "NSEC3":
        f = r[3].split()
        f[1] = "1" if f[1] == "0" else "0"
        r[3] = " ".join(f)
        return "opt-out flag of %s" % r[0]
    if kind == 15 and r[2] == "NS" and r[0].lower() != ORIGIN:
        recs.append([r[0], r[1], "DS", "1 13 2 " + DS])
        return "a DS of %s" % r[0]
    return None


# ---- verdicts ------------------------------------------------------------------------------------

def ours(path):
    rc, out = call(BANYAN, "zone", "verify", "--json", "--origin", ORIGIN, path)
    try:
        j = json.loads(out)
        return rc == 0, sorted({f["code"] for f in j["findings"] if f["severity"] == "error"}), out
    except ValueError:
        return (None if rc not in (1,) else False), ["unreadable"], out


def peers(path):
    said = {}
    if shutil.which("dnssec-verify"):
        rc, out = call("dnssec-verify", "-q", "-z", "-o", ORIGIN, path)
        said["dnssec-verify"] = (rc == 0, out)
    if shutil.which("ldns-verify-zone"):
        rc, out = call("ldns-verify-zone", path)
        if rc is not None and rc >= 0:  # of some broken chains it finds no end
            said["ldns-verify-zone"] = (rc == 0, out)
    if shutil.which("kzonecheck"):
        rc, out = call("kzonecheck", "-d", "on", "-o", ORIGIN, path)
        words = set(re.findall(r"^\s+\d+\s+(\S.*)$", out, re.M))
        said["kzonecheck"] = (rc == 0 or (bool(words) and words <= NO_DNSSEC), out)
    return said


def explained(who, good, codes):
    """Why a peer may say otherwise; None: it may not. codes: Banyan's errors."""
    why = [LENIENT[who].get(c) for c in codes]
    return "; ".join(sorted(set(why))) if good and codes and None not in why else None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--zones", type=int, default=60)
    p.add_argument("--breaks", type=int, default=10)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--seconds", type=float, default=14)
    p.add_argument("--keep", help="folder for zones over which verdicts differ")
    a = p.parse_args()
    rng = random.Random(a.seed)
    folder = tempfile.mkdtemp(prefix="banyan-verify-")
    try:
        run(a, rng, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("1..%d" % points)
    sys.exit(failed > 0)


def run(a, rng, folder):
    until = time.monotonic() + a.seconds
    algorithms = sorted(ALGORITHMS) if a.seconds > 60 else ["ECDSAP256SHA256", "ED25519", "RSASHA256"]
    s = Signers(folder, rng, algorithms) if shutil.which("dnssec-keygen") else None
    if s is None or not s.known:
        print("1..0 # SKIP no signer is installed")
        sys.exit(0)
    whys = {}
    for i in range(a.zones):
        if time.monotonic() > until:
            break
        zone = Zone(rng)
        path, how = s.sign(zone)
        if path is None:
            print("# %s refused zone %d" % (how, i))
            continue
        base = records(path)
        for b in range(a.breaks + 1):
            recs = [list(r) for r in base]
            what = "as signed" if b == 0 else break_zone(rng, recs)
            if what is None:
                continue
            if time.monotonic() > until:
                break
            broken = os.path.join(folder, "broken.zone")
            write(recs, broken)
            good, codes, words = ours(broken)
            for who, (ok, said) in peers(broken).items():
                if ok == good:
                    continue
                why = explained(who, ok, codes)
                if why is not None:
                    whys[who + ": " + why] = whys.get(who + ": " + why, 0) + 1
                    continue
                if a.keep:
                    os.makedirs(a.keep, exist_ok=True)
                    shutil.copy(broken, os.path.join(a.keep, "%d-%d-%s.zone" % (i, b, who)))
                point(False, "zone %d (%s), %s: %s says %s, banyan %s" % (i, how, what, who, "good" if ok else "bad",
                                                                       ", ".join(codes) or "good"), said)
            if b == 0:
                point(good is True, "zone %d, %d records, %s" % (i, len(recs), how), "" if good else words)
    for why, n in sorted(whys.items()):
        print("# %d times explained: %s" % (n, why))
    point(True, "verdicts compared")


if __name__ == "__main__":
    main()
