#!/usr/bin/python3
"""Random zones, signed by us in every way, judged by everybody: dnssec-verify, ldns-verify-zone, kzonecheck and our own
verifier; then changed a little and signed on top of the old signatures, and later again, and judged again. Prints TAP.

    BANYAN_BUILD=build tools/e2e_sign.py [--zones N] [--seconds S] [--seed X] [--keep FOLDER]
"""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile

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


def judges(path, split, at=None):
    """What each says; only those who disagree with "good" are returned."""
    bad = {}
    good, codes, out = ours(path) if at is None else ours_at(path, at)
    if not good:
        bad["banyan"] = out
    if at is None:
        for who, (fine, out) in e2e_verify.peers(path).items():
            if not fine:
                bad[who] = out
        if split and shutil.which("dnssec-verify"):  # strict: a KSK and a ZSK
            rc, out = call("dnssec-verify", "-q", "-o", ORIGIN, path)
            if rc != 0:
                bad["dnssec-verify, strict"] = out
    return bad


def ours_at(path, at):
    rc, out = call(BANYAN, "zone", "verify", "--origin", ORIGIN, "--at", str(at), path)
    return rc == 0, [], out


def sign(source, out, options):
    rc, said = call(BANYAN, "zone", "sign", "--json", *options, "-o", out, source)
    try:
        return json.loads(said) if rc == 0 else None, said
    except ValueError:
        return None, said


def one(rng, folder, keep):
    """Signs one zone in all its lives. Returns a complaint or None."""
    zone, algorithm, split = Zone(rng), rng.choice(ALGORITHMS), rng.random() < 0.4
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
        now = int(e2e_verify.time.time())
        later = now + 8 * 86400
        j, said = sign(source, out, options + (["--at", str(later)] if life == "a week later" else []))
        if j is None:
            return "%s, %s: not signed: %s" % (how, life, said)
        # SOA, ZONEMD; the algorithm's signatures of a changed name and its neighbours' denial
        most = {"signed again": 4, "changed": 40}.get(life)
        if most is not None and j["signatures_made"] > most:
            return "%s, %s: %d signatures made of %d" % (how, life, j["signatures_made"], made)
        made = j["signatures_made"] + j["signatures_kept"]
        bad = judges(out, split, later if life == "a week later" else None)
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
    p.add_argument("--keep", help="folder for zones that a judge did not like")
    a = p.parse_args()
    folder = tempfile.mkdtemp(prefix="banyan-sign-")
    peers = [t for t in ("dnssec-verify", "ldns-verify-zone", "kzonecheck") if shutil.which(t)]
    for t in ("dnssec-verify", "ldns-verify-zone", "kzonecheck"):
        if t not in peers:
            print("# %s is not installed" % t)
    start, done, bad = e2e_verify.time.time(), 0, []
    try:
        while done < a.zones and e2e_verify.time.time() - start < a.seconds:
            rng = random.Random("%d %d" % (a.seed, done))
            said = one(rng, folder, a.keep)
            if said:
                bad.append("zone %d of seed %d: %s" % (done, a.seed, said))
            done += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    point(not bad, "%d zones, each signed four times: %s and banyan call all of them good" % (done, ", ".join(peers)),
          "\n".join(bad))
    point(done >= min(a.zones, 3), "some zones were judged")
    print("1..%d" % e2e_verify.points)
    sys.exit(e2e_verify.failed > 0)


if __name__ == "__main__":
    main()
