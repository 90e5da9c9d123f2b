"""Signing beside the peers: a registry's zone, signed with NSEC3 opt-out by every signer there is, from the same file and
with as many threads; and signatures a second beside what the crypto library says of itself."""
import glob
import os
import re
import shutil
import statistics
import subprocess
import time

import data

PEERS = ("kzonesign", "dnssec-signzone", "ldns-signzone")
SLOW = {"ldns-signzone"}  # minutes: once is enough


def timed(command, cwd):
    """(wall seconds, processor seconds, peak MiB) of a program, or None if it fails."""
    start = time.monotonic()
    p = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=open(cwd + "/log", "ab"))
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        return None
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def commands(banyan, work, threads):
    """Each signer's command; the key is the same for all but kzonesign, which makes its own."""
    stem = glob.glob(work + "/Ktld.*.key")[0][:-4]
    with open(work + "/tld.key.zone", "w") as out, open(work + "/tld.zone") as zone, open(stem + ".key") as key:
        shutil.copyfileobj(zone, out)
        out.write(key.read())
    os.makedirs(work + "/knot/db", exist_ok=True)
    os.makedirs(work + "/knot/out", exist_ok=True)
    with open(work + "/knot/knot.conf", "w") as f:
        f.write("server:\n  rundir: %s/knot\ndatabase:\n  storage: %s/knot/db\npolicy:\n  - id: p\n    algorithm: ecdsap256sha256\n"
                "    nsec3: on\n    nsec3-opt-out: on\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n    single-type-signing: on\n"
                "    signing-threads: %d\n    cds-cdnskey-publish: none\nzone:\n  - domain: tld\n    storage: %s\n    file: tld.zone\n"
                "    dnssec-signing: on\n    dnssec-policy: p\n" % (work, work, threads, work))
    return {
        "banyan": [banyan, "zone", "sign", "--opt-out", "--no-cds", "-q", "-j", str(threads), "-o", "banyan.signed", "tld.zone"],
        "kzonesign": ["kzonesign", "-c", "knot/knot.conf", "-o", "knot/out", "tld"],
        "dnssec-signzone": ["dnssec-signzone", "-P", "-z", "-A", "-3", "-", "-H", "0", "-n", str(threads), "-o", "tld", "-f", "bind.signed",
                            "tld.key.zone", os.path.basename(stem)],
        "ldns-signzone": ["ldns-signzone", "-n", "-p", "-t", "0", "-o", "tld", "-f", "ldns.signed", "tld.zone", os.path.basename(stem)],
    }


def sign(bench, rounds):
    """The row `sign`: True if Banyan is ahead of all in time and memory."""
    folder, work = data.make(bench.tools + "/data", "tld"), bench.work + "/sign"
    banyan = bench.build + "/banyan"
    os.makedirs(work)
    shutil.copy(folder + "/zone", work + "/tld.zone")
    threads = min(os.cpu_count() or 1, 4)
    with open(work + "/small", "w") as f:
        f.write("$ORIGIN tld.\n@ 300 SOA a b 1 2 3 4 5\n@ 300 NS a.example.\n")
    subprocess.run([banyan, "zone", "sign", "-q", "-g", "small"], cwd=work, check=True)
    table = {}
    for n in range(rounds):
        for name, command in commands(banyan, work, threads).items():
            if shutil.which(command[0]) is None or (n > 0 and name in SLOW):
                continue
            for old in glob.glob(work + "/*.signed"):
                os.unlink(old)
            got = timed(command, work)
            if got is None:
                print("sign: %s fails: see %s/log" % (name, work))
                return False
            table.setdefault(name, []).append(got)
    print("\n%-16s %8s %10s %9s %7s   a million delegations, NSEC3 opt-out, %d threads" % ("sign", "wall s", "processor s", "peak MiB", "runs", threads))
    med = {}
    for name, runs in table.items():
        med[name] = [statistics.median(r[i] for r in runs) for i in range(3)]
        print("%-16s %8.2f %10.2f %9.0f %7d" % (name, *med[name], len(runs)))
    good = True
    for name in PEERS:
        if name not in med:
            print("sign: %s is not installed" % name)
            continue
        ahead = med["banyan"][0] < med[name][0] and med["banyan"][2] < med[name][2]
        good &= ahead
        print("sign: %.2f of %s's time, %.2f of its memory: %s" % (
            med["banyan"][0] / med[name][0], name, med["banyan"][2] / med[name][2], "ahead" if ahead else "MISSED"))
    return good


# algorithm: its name for `openssl speed`, and the lines it prints
SPEED = {13: ("ecdsap256", r"nistp256\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)"), 14: ("ecdsap384", r"nistp384\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)"),
         15: ("ed25519", r"Ed25519\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)"), 16: ("ed448", r"Ed448\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)"),
         8: ("rsa2048", r"rsa 2048 bits\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)")}
LEAST = 0.9


def crypto(bench, rounds):
    """The row `crypto`: True if nine tenths of the library's own figures are reached."""
    tool = bench.build + "/crypto_bench"
    if not os.path.exists(tool):
        subprocess.run(["ninja", "-C", bench.build, "crypto_bench"], check=True, stdout=subprocess.DEVNULL)
    good = True
    print("\n%-14s %7s %12s %12s %6s %12s %12s %6s" % ("crypto", "threads", "sign/s", "library", "ratio", "verify/s", "library", "ratio"))
    for number, (name, pattern) in SPEED.items():
        for threads in (1, 2):
            ours, theirs = [], []
            for _ in range(rounds):
                out = subprocess.run([tool, str(number), str(threads), "0.5"], capture_output=True, text=True, check=True).stdout
                ours.append([float(x) for x in re.search(r"sign/s=(\d+) verify/s=(\d+)", out).groups()])
                multi = ["-multi", str(threads)] if threads > 1 else []
                out = subprocess.run(["openssl", "speed", "-seconds", "1", *multi, name], capture_output=True, text=True).stdout
                theirs.append([float(x) for x in re.search(pattern, out).groups()])
            ratio = [statistics.median(o[i] / t[i] for o, t in zip(ours, theirs)) for i in (0, 1)]
            mine, lib = ([statistics.median(x[i] for x in v) for i in (0, 1)] for v in (ours, theirs))
            met = min(ratio) >= LEAST
            good &= met
            print("%-14s %7d %12.0f %12.0f %6.2f %12.0f %12.0f %6.2f%s" % (
                name, threads, mine[0], lib[0], ratio[0], mine[1], lib[1], ratio[1], "" if met else "   MISSED"))
    return good
