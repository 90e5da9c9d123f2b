#!/usr/bin/python3
"""Random zones, signed by us in every way, judged by everybody: dnssec-verify, ldns-verify-zone, kzonecheck and our own
verifier; then changed a little and signed on top of the old signatures, and later again, and judged again. Prints TAP.

    BANYAN_BUILD=build tools/e2e_sign.py [--zones N] [--seconds S] [--seed X] [--wild] [--keep FOLDER]
"""
import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import e2e_verify  # noqa: E402
from e2e_verify import BANYAN, ORIGIN, call, ours, point  # noqa: E402

ALGORITHMS = ["ECDSAP256SHA256", "ED25519", "RSASHA256", "ECDSAP384SHA384", "ED448", "RSASHA512"]
DENIALS = [[], [], ["--nsec3"], ["--nsec3"], ["--opt-out"], ["--opt-out"]]


class Zone(e2e_verify.Zone):
    """Besides: wildcards at the apex, empty non-terminals that only lead to delegations, a TTL that is the smaller one."""

    def __init__(self, rng):
        super().__init__(rng)
        if rng.random() < 0.2:
            self.put("*", "TXT", '"at the apex"')
            self.used.add("*")
        for _ in range(rng.randrange(3)):
            n, low = self.fresh(3)
            if n:
                self.used.add(low)
                self.put(n, "NS", "ns.elsewhere.example.")
        if rng.random() < 0.1:
            self.lines = self.lines[:3]  # nothing but the apex and its server

    def change(self):
        """A name more, or one less."""
        before = len(self.lines)
        if self.rng.random() < 0.5 and before > 6:
            owner = self.rng.choice(self.lines[3:]).split()[0]
            self.lines = self.lines[:3] + [l for l in self.lines[3:] if l.split()[0] != owner]
        else:
            self.name()


class Wild(Zone):
    """A tree without pity: names within names, occluded names, labels of any octets, names near the limits, many types,
    large sets, wildcards in and below each other, the root zone."""

    SORTED = ["*", "!", "\\032", "\\041", "\\043", "+", "-", "*a", "a*", "\\255", "\\000", "\\000\\000", "a\\000", "A", "Z", "_",
              "0", "\\.", "a\\.b", "\\@", "\\092", "\\034q\\034"]

    def __init__(self, rng):
        self.rng, self.lines, self.used, self.open, self.closed = rng, [], {""}, [""], set()
        self.put("@", "SOA", "ns.example. Host\\.master %d 3600 600 864000 %d" % (rng.randrange(1, 2 ** 32), rng.choice([0, 300, 90000])))
        self.put("@", "NS", "ns.other.example.")
        self.put("@", "NS", rng.choice(["ns.other.example.", "ns.third.example."]))
        if rng.random() < 0.1:
            return
        if rng.random() < 0.3:
            self.put("@", "TXT", '"apex" ""')
            self.put("@", "MX", "0 .")
        if rng.random() < 0.3:
            self.put("*", rng.choice(["A", "A", "CNAME"]), None)
            self.used.add("*")
        for _ in range(rng.choice([1, 5, 15, 40])):
            self.name()

    def put(self, owner, rtype, rdata, ttl=3600):
        if rdata is None:
            rdata = {"A": "192.0.2.1", "CNAME": "c.example."}[rtype]
        super().put(owner, rtype, rdata, ttl)

    def label(self):
        rng, kind = self.rng, self.rng.randrange(8)
        if kind < 3:
            return rng.choice(self.SORTED)
        if kind == 3:
            return "".join("\\%03d" % rng.randrange(256) for _ in range(rng.choice([1, 2, 5, 20, 63])))
        if kind == 4:
            return "x" * rng.choice([1, 62, 63])
        return "".join(rng.choice("abAB-0") for _ in range(rng.choice([1, 1, 2, 3])))

    @staticmethod
    def octets(name):
        return len(re.sub(r"\\(\d\d\d|.)", "x", name)) + 2 + len(ORIGIN)

    @staticmethod
    def plain(name):
        """The name in one spelling, lower case."""
        def one(m):
            c = int(m.group(1)) if m.group(1) else ord(m.group(2) or m.group(3))
            return chr(c).lower() if chr(c).isalnum() and c < 128 else "\\%03d" % c
        return ".".join(re.sub(r"\\(\d\d\d)|\\(.)|([^.\\])", one, l) for l in re.findall(r"(?:\\\d\d\d|\\.|[^.\\])+", name))

    def fresh(self, depth=None):
        for _ in range(50):
            base = self.rng.choice(self.open)
            n = ".".join([self.label() for _ in range(depth or self.rng.choice([1, 1, 1, 2, 3, 5]))] + ([base] if base else []))
            low = self.plain(n)
            parts = re.findall(r"(?:\\\d\d\d|[^.])+", low)
            over = {".".join(parts[i:]) for i in range(len(parts))}
            below = any(u.endswith("." + low) for u in self.used)
            if self.octets(n) <= 255 and not over & self.closed and low not in self.used and not below:
                return n, low
        return None, None

    def name(self):
        rng = self.rng
        n, low = self.fresh()
        if n is None:
            return
        self.used.add(low)
        star = low.startswith("\\042") or low.startswith("*")
        kind = rng.randrange(5 if star else 12)
        room = self.octets(n) <= 240
        if kind < 2:
            self.put(n, "A", None, rng.choice([0, 1, 3600, 2147483647]))
            self.open.append(n)
        elif kind == 2:
            types = rng.sample(list(range(1000, 32000)) + list(range(33000, 65535)), rng.choice([1, 3, 30, 300]))
            for t in types + rng.choice([[], [65280], [65534]]):
                self.put(n, "TYPE%d" % t, "\\# %d %s" % (t % 3, "ab" * (t % 3)))
            self.open.append(n)
        elif kind == 3:
            for i in range(rng.choice([2, 20, 250])):
                self.put(n, "TXT", '"%d" "%s"' % (i, "t" * rng.choice([0, 1, 200])))
            self.put(n, "MX", "1 Mail.EXAMPLE.")
            self.put(n, "SRV", "1 2 3 Srv.EXAMPLE.")
            self.open.append(n)
        elif kind == 4:
            self.put(n, "CNAME", "Target.EXAMPLE.")
            self.closed.add(low)
        elif kind == 5:
            self.put(n, "DNAME", "target.example.")
            if rng.random() < 0.3:
                self.put(n, "TXT", '"beside"')
            self.closed.add(low)
        else:
            self.cut(n, low, room)

    def cut(self, n, low, room):
        rng = self.rng
        self.closed.add(low)
        if rng.random() < 0.5 and room:
            self.put(n, "NS", "ns." + n)
            self.put("ns." + n, "A", "192.0.2.9")
            self.put("ns." + n, "AAAA", "2001:db8::9")
        elif rng.random() < 0.3:
            self.put(n, "NS", n)  # glue at the cut itself
            self.put(n, "A", "192.0.2.8")
        else:
            self.put(n, "NS", "ns.elsewhere.example.")
        if rng.random() < 0.4:
            for _ in range(rng.choice([1, 2])):
                self.put(n, "DS", "%d %d 2 %s" % (rng.randrange(65536), rng.choice([8, 13, 200]), e2e_verify.DS))
        if rng.random() < 0.2 and room:
            self.put("deep.er." + n, "TXT", '"not ours"')


def keys_for(folder, algorithm, split):
    d = os.path.join(folder, "keys-%s-%d" % (algorithm, split))
    if not os.path.isdir(d):
        os.mkdir(d)
        with open(os.path.join(d, "z"), "w") as f:
            f.write("$ORIGIN %s\n@ 300 SOA a b 1 2 3 4 5\n@ 300 NS a.example.\n" % ORIGIN)
        bits = ["--bits", "1024"] if algorithm.startswith("RSA") else []
        rc, out = call(BANYAN, "zone", "sign", "-q", "-g", "-K", d, "-a", algorithm, *bits, *(["--split"] if split else []),
                       os.path.join(d, "z"))
        if rc != 0:
            sys.exit("Bail out! no keys: " + out)
    return d


EXCUSED = {}


def excused(path, who, said):
    """Why a judge cannot read a zone that is right; what it says of zones that it reads is never excused."""
    with open(path, errors="surrogateescape") as f:
        owners = {l.split(None, 1)[0] for l in f if l.strip() and not l[0].isspace()}
    why = None
    if who == "kzonecheck" and "failed to run semantic checks" in said:
        if any(re.search(r"(?<!\\)[!#%&'+,:<=>?\[\]^`{|}~]", o) for o in owners):
            why = "Knot DNS's reader takes some characters of names only escaped (RFC 1035 section 5.1 allows them)"
    elif who == "ldns-verify-zone" and "could not parse the RR" in said and any(len(o) > 255 for o in owners):
        why = "ldns reads no name whose text is longer than 255 characters, escapes counted as written"
    if why:
        EXCUSED[why] = EXCUSED.get(why, 0) + 1
    return why


def judges(path, split, at=None):
    """What each says; only those who disagree with "good" are returned."""
    bad = {}
    good, codes, out = ours(path) if at is None else ours_at(path, at)
    if not good:
        bad["banyan"] = out
    if at is not None:  # two can be told the time
        if shutil.which("ldns-verify-zone"):
            rc, out = call("ldns-verify-zone", "-t", time.strftime("%Y%m%d%H%M%S", time.gmtime(at)), path)
            if rc is not None and rc != 0:
                bad["ldns-verify-zone"] = out
        if shutil.which("kzonecheck"):
            rc, out = call("kzonecheck", "-d", "on", "-t", str(at), "-o", ORIGIN, path)
            words = set(re.findall(r"^\s+\d+\s+(\S.*)$", out, re.M))
            if rc != 0 and not (words and words <= e2e_verify.NO_DNSSEC):
                bad["kzonecheck"] = out
    if at is None:
        for who, (fine, out) in e2e_verify.peers(path).items():
            if not fine:
                bad[who] = out
        if split and shutil.which("dnssec-verify"):  # strict: a KSK and a ZSK
            rc, out = call("dnssec-verify", "-q", "-o", ORIGIN, path)
            if rc != 0:
                bad["dnssec-verify, strict"] = out
    return {who: out for who, out in bad.items() if not excused(path, who, out)}


def ours_at(path, at):
    rc, out = call(BANYAN, "zone", "verify", "--origin", ORIGIN, "--at", str(at), path)
    return rc == 0, [], out


def sign(source, out, options):
    rc, said = call(BANYAN, "zone", "sign", "--json", *options, "-o", out, source)
    try:
        return json.loads(said) if rc == 0 else None, said
    except ValueError:
        return None, said


def one(rng, folder, keep, kinds):
    """Signs one zone in all its lives. Returns a complaint or None."""
    zone, algorithm, split = rng.choice(kinds)(rng), rng.choice(ALGORITHMS), rng.random() < 0.4
    options = ["-K", keys_for(folder, algorithm, split), "--origin", ORIGIN, *rng.choice(DENIALS)]
    options += rng.choice([[], [], ["--zonemd"]]) + rng.choice([[], [], ["--no-cds"], ["--cds-delete"]])
    source, out = os.path.join(folder, "in.zone"), os.path.join(folder, "out.zone")
    if os.path.exists(out):
        os.unlink(out)
    how = "%s%s %s" % (algorithm, "+split" if split else "", " ".join(options[4:]))
    made = None
    for life in ("signed", "signed again", "changed", "a week later"):
        if life == "changed":
            zone.change()
        with open(source, "w") as f:
            f.write(zone.text())
        now = int(time.time())
        later = now + 8 * 86400
        j, said = sign(source, out, options + (["--at", str(later)] if life == "a week later" else []))
        if j is None:
            return "%s, %s: not signed: %s" % (how, life, said)
        # SOA, ZONEMD; the algorithm's signatures of a changed name and its neighbours' denial
        most = {"signed again": 4, "changed": 400 if isinstance(zone, Wild) else 40}.get(life)
        if most is not None and j["signatures_made"] > most:
            return "%s, %s: %d signatures made of %d" % (how, life, j["signatures_made"], made)
        made = j["signatures_made"] + j["signatures_kept"]
        bad = judges(out, split, later if life == "a week later" else None)
        if life == "a week later" and not bad:  # nothing was kept that has less than half its time left
            bad = judges(out, split, later + 7 * 86400 - 60)
        if bad:
            if keep:
                shutil.copy(out, os.path.join(keep, "bad-%d.zone" % rng.randrange(10 ** 9)))
            return "%s, %s: %s" % (how, life, "\n".join("%s: %s" % (w, o[:600]) for w, o in bad.items()))
    return None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--zones", type=int, default=200)
    p.add_argument("--seconds", type=float, default=12)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--wild", action="store_true", help="also zones that not every judge reads rightly")
    p.add_argument("--keep", help="folder for zones that a judge did not like")
    a = p.parse_args()
    folder = tempfile.mkdtemp(prefix="banyan-sign-")
    peers = [t for t in ("dnssec-verify", "ldns-verify-zone", "kzonecheck") if shutil.which(t)]
    for t in ("dnssec-verify", "ldns-verify-zone", "kzonecheck"):
        if t not in peers:
            print("# %s is not installed" % t)
    start, done, bad = time.time(), 0, []
    try:
        while done < a.zones and time.time() - start < a.seconds:
            rng = random.Random("%d %d" % (a.seed, done))
            said = one(rng, folder, a.keep, [Zone, Wild, Wild] if a.wild else [Zone])
            if said:
                bad.append("zone %d of seed %d: %s" % (done, a.seed, said))
            done += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    point(not bad, "%d zones, each signed four times: %s and banyan call all of them good" % (done, ", ".join(peers)),
          "\n".join(bad))
    for why, n in sorted(EXCUSED.items()):
        print("# %d times: %s" % (n, why))
    point(done >= min(a.zones, 3), "some zones were judged")
    print("1..%d" % e2e_verify.points)
    sys.exit(e2e_verify.failed > 0)


if __name__ == "__main__":
    main()
