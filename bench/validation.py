"""What validation costs: Banyan, Unbound and Knot Resolver below one signed hierarchy, each with validation and without.

Rows: validate-cold (a new zone for every question, then new names of known zones), validate-hit (the same answers from
the cache), random-subdomain (names that do not exist below a signed zone). NSD serves the hierarchy and counts what it
is asked. One resolver runs at a time where caches have to be empty; the variants take turns, so that what the machine
does meanwhile hits all alike. What the crypto library took is sampled (perf) and told apart."""
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time

import data
import hierarchy as levels
import measure
import stats

VERSION = "2"  # another one makes old files be written again
TLDS, ZONES, HOSTS, FLOOD_HOSTS, FLOOD = 4, 400, 6, 1000, 20000
ADDRESS = {"root": "127.53.1.1", "tlds": "127.53.2.1", "leaves": "127.53.3.1"}
FIRST = ("host0.z0.t0", "A")  # asked until it is answered, before anything is measured
CRYPTO = ("libcrypto", "libgnutls", "libnettle", "libhogweed", "libgmp", "libdnssec", "libssl")
PORT = 26301
PERF_ROUNDS, PAIRS, HIT_SECONDS = 3, 8, 0.4
MOST_OVERHEAD, MOST_QUERIES = 0.5, 1.0


# ---- data ----------------------------------------------------------------------------------------
def nsec3(tld):
    return tld % 2 == 1


def signed(zone):
    return zone % 2 == 0


def with_do(name, rrtype):
    m = bytearray(data.message(name, rrtype, True))
    m[11] = 1  # ARCOUNT; OPT: size 1232, DO
    return bytes(m) + b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000, 0)


def write_do(path, questions):
    with open(path, "wb") as f:
        for m in (with_do(*q) for q in questions):
            f.write(struct.pack(">H", len(m)) + m)


def sign(banyan, keys, path, *options):
    """Signs a zone in place and returns the DS records of its CDS."""
    os.makedirs(keys, exist_ok=True)
    subprocess.run([banyan, "zone", "sign", "-q", "-g", "-K", keys, "-o", path + ".signed", "--validity", "3650d", "-j", "1",
                    *options, path], check=True)
    os.rename(path + ".signed", path)
    with open(path) as f:
        return ["DS " + d for d in re.findall(r"^@?\s+(?:\d+\s+)?CDS\s+(.+)$", f.read(), re.M)]


def leaf(banyan, keys, path, origin, labels, rnd, options):
    with open(path, "w") as f:
        f.write("$ORIGIN %s.\n$TTL 86400\n" % origin + data.SOA % 900 + "@ NS ns\nns A %s\n" % ADDRESS["leaves"])
        f.writelines("%s A %s\n" % (h, data.v4(rnd)) for h in labels)
    return [] if options is None else sign(banyan, keys, path, *options)


def delegate(f, label, ds):
    f.write("%s NS ns.%s\nns.%s A %s\n" % (label, label, label, ADDRESS["leaves"]))
    f.writelines("%s %s\n" % (label, d) for d in ds)


def hierarchy(banyan, folder):
    """Root: RSA-2048. Half of the TLDs NSEC, half NSEC3 with opt-out; half of their zones signed; a zone of 1,000 names in
    t0 (NSEC) and t1 (NSEC3) to be flooded."""
    rnd, keys = random.Random("validate"), folder + "/keys"
    for part in ADDRESS:
        os.makedirs(folder + "/" + part, exist_ok=True)
    with open(folder + "/root/root.zone", "w") as root:
        root.write("$ORIGIN .\n$TTL 86400\n. IN SOA ns.root. hm.root. 1 7200 3600 1209600 900\n. NS ns.root.\n")
        root.write("ns.root. A %s\n" % ADDRESS["root"])
        for t in range(TLDS):
            path = folder + "/tlds/t%d.zone" % t
            with open(path, "w") as f:
                f.write("$ORIGIN t%d.\n$TTL 86400\n" % t + data.SOA % 900 + "@ NS ns\nns A %s\n" % ADDRESS["tlds"])
                for z in range(ZONES):
                    name = "z%d.t%d" % (z, t)
                    delegate(f, "z%d" % z, leaf(banyan, keys, folder + "/leaves/%s.zone" % name, name, ["host%d" % h for h in range(HOSTS)], rnd,
                                                [] if signed(z) else None))
                if t < 2:
                    delegate(f, "flood", leaf(banyan, keys, folder + "/leaves/flood.t%d.zone" % t, "flood.t%d" % t,
                                              data.words(rnd, FLOOD_HOSTS, 8, 8), rnd, ["--nsec3"] if nsec3(t) else []))
            ds = sign(banyan, keys, path, *(["--opt-out"] if nsec3(t) else []))
            root.write("t%d. NS ns.t%d.\nns.t%d. A %s\n" % (t, t, t, ADDRESS["tlds"]) + "".join("t%d. %s\n" % (t, d) for d in ds))
    with open(folder + "/anchor", "w") as f:
        f.writelines(". 86400 IN %s\n" % d for d in sign(banyan, keys, folder + "/root/root.zone", "--split", "-a", "RSASHA256",
                                                         "--bits", "2048"))
    with open(folder + "/hints", "w") as f:
        f.write(". 86400 IN NS ns.root.\nns.root. 86400 IN A %s\n" % ADDRESS["root"])


def questions(folder):
    rnd = random.Random("questions")
    zones = [(z, t) for z in range(1, ZONES) for t in range(TLDS)]
    rnd.shuffle(zones)
    name = lambda h, z, t: ("host%d.z%d.t%d" % (h, z, t), "A")  # noqa: E731
    data.write_queries(folder + "/zones-signed", [name(0, *x) for x in zones if signed(x[0])], True)
    data.write_queries(folder + "/zones-unsigned", [name(0, *x) for x in zones if not signed(x[0])], True)
    more = [name(h, *x) for x in zones for h in range(1, HOSTS)]
    rnd.shuffle(more)
    data.write_queries(folder + "/names-signed", [q for q in more if signed(int(q[0].split(".")[1][1:]))], True)
    data.write_queries(folder + "/names-unsigned", [q for q in more if not signed(int(q[0].split(".")[1][1:]))], True)
    secure = [name(h, z, t) for z, t in zones if signed(z) for h in range(HOSTS)]
    rnd.shuffle(secure)
    write_do(folder + "/prime", secure)
    hits = rnd.choices(secure, k=100000)
    data.write_queries(folder + "/hits", hits, True)
    write_do(folder + "/hits-do", hits)
    for t in (0, 1):
        data.write_queries(folder + "/flood%d" % t, [("%s.flood.t%d" % (w, t), "A") for w in data.words(rnd, FLOOD, 9, 9)], True)


def make(bench):
    folder = bench.tools + "/data/validate"
    stamp = folder + "/version"
    if not os.path.exists(stamp) or open(stamp).read() != VERSION:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        print("validate: signing %d zones" % (TLDS * ZONES // 2), flush=True)
        hierarchy(bench.build + "/banyan", folder)
        questions(folder)
        with open(stamp, "w") as f:
            f.write(VERSION)
    return folder


# ---- servers: (folder to work in, data, port, validation, aggressive use of denials) -> command -----------------
def put(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def banyan(bench, work, folder, port, validate, aggressive):
    conf = put(work + "/banyan.conf", """
server:
  listen: [127.0.0.1@%d]
  workers: 1
control:
  socket: ""
resolver:
  enabled: yes
  root-hints: %s/hints
  trust-anchors:
    - {file: %s/anchor}
  validate: %s
  aggressive: %s
  query-loopback: yes
  special-zones: no
  ipv6: no
  cache-size: 256M
""" % (port, folder, folder, "yes" if validate else "no", "yes" if aggressive else "no"))
    return [bench.banyand, "--config", conf]


def unbound(bench, work, folder, port, validate, aggressive):
    conf = put(work + "/unbound.conf", """
server:
 interface: 127.0.0.1
 port: %d
 num-threads: 1
 username: ""
 chroot: ""
 directory: "%s"
 pidfile: ""
 use-syslog: no
 logfile: ""
 verbosity: 0
 do-daemonize: no
 do-ip6: no
 do-not-query-localhost: no
 module-config: "%s"
 %s
 aggressive-nsec: %s
 trust-anchor-signaling: no
 root-key-sentinel: no
 root-hints: "%s/hints"
 access-control: 127.0.0.0/8 allow
 msg-cache-size: 128m
 rrset-cache-size: 256m
 key-cache-size: 64m
 neg-cache-size: 64m
 msg-cache-slabs: 1
 rrset-cache-slabs: 1
 infra-cache-slabs: 1
 key-cache-slabs: 1
 outgoing-range: 8192
 num-queries-per-thread: 4096
 so-rcvbuf: 4m
 so-sndbuf: 4m
 minimal-responses: yes
remote-control:
 control-enable: no
""" % (port, work, "validator iterator" if validate else "iterator", 'trust-anchor-file: "%s/anchor"' % folder if validate else "",
       "yes" if aggressive else "no", folder))
    return ["unbound", "-d", "-p", "-c", conf]


def kresd(bench, work, folder, port, validate, aggressive):
    conf = put(work + "/kresd.conf", """
net.ipv6 = false
net.listen('127.0.0.1', %d, {kind = 'dns'})
cache.open(256 * MB, 'lmdb://%s/cache')
option('ALLOW_LOCAL', true)
modules.load('hints > iterate')
hints.root({['ns.root.'] = {'%s'}})
for _, m in ipairs({'ta_update', 'ta_signal_query', 'ta_sentinel', 'detect_time_skew', 'detect_time_jump', 'watchdog'}) do
  pcall(modules.unload, m)
end
log_level('crit')
%s
""" % (port, work, ADDRESS["root"], "trust_anchors.add_file('%s/anchor', true)" % folder if validate else "trust_anchors.remove('.')"))
    return ["kresd", "-n", "-c", conf, work]


RESOLVERS = {"banyan": banyan, "unbound": unbound, "kresd": kresd}


def Authority(bench, work, folder):
    return levels.Authority(bench, work, folder, {part: [address] for part, address in ADDRESS.items()})


class Resolver:
    """A fresh one, its cache empty but for a zone below each TLD."""

    serial = 0

    def __init__(self, bench, folder, name, validate=True, aggressive=True, port=PORT):
        Resolver.serial += 1
        shared = "/dev/shm" if name == "kresd" and os.access("/dev/shm", os.W_OK) else bench.work  # its cache is a file
        self.work = "%s/resolver-%d-%d" % (shared, os.getpid(), Resolver.serial)
        os.makedirs(self.work)
        self.server = measure.Server(RESOLVERS[name](bench, self.work, folder, port, validate, aggressive), bench.server_cpu,
                                     self.work + "/log")
        self.pid, self.port = self.server.pid, port
        if self.server.ready("127.0.0.1", port, *FIRST, True, 30) is None:
            log = self.server.log
            self.server.stop()
            raise SystemExit("bench: %s does not answer: see %s" % (name, log))
        for t in range(1, TLDS):
            measure.answers("127.0.0.1", port, "host0.z0.t%d" % t, "A", True)
        time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.server.stop()
        shutil.rmtree(self.work, ignore_errors=True)


def present():
    missing = [n for n in RESOLVERS if n != "banyan" and not shutil.which(n)]
    for name in missing:
        print("validate: %s is not installed" % name)
    return [n for n in RESOLVERS if n not in missing]


# ---- measuring -----------------------------------------------------------------------------------
def ask(bench, resolver, authority, path, seconds="once"):
    """One load: nanoseconds an answer, questions upstream an answer, also of each type."""
    before = authority.asked()
    got = measure.cost(resolver, lambda: measure.load(bench.tools, bench.client_cpu, "127.0.0.1", resolver.port, path, seconds))
    time.sleep(0.05)
    after = authority.asked()
    got["upstream"] = {k: (after[k] - before.get(k, 0)) / max(got["answered"], 1) for k in after}
    return got


def sampled(resolver, out, work):
    """Runs work() under perf: the shares of the crypto libraries, the kernel and all else, or None."""
    if not shutil.which("perf"):
        return work(), None
    perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "8000", "-o", out, "-p", str(resolver.pid)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.4)
    got = work()
    perf.send_signal(signal.SIGINT)
    perf.wait(30)
    text = subprocess.run(["perf", "report", "-i", out, "--sort", "dso", "--stdio", "-q"], capture_output=True, text=True).stdout
    if os.path.exists(out):
        os.unlink(out)
    share = {"crypto": 0.0, "kernel": 0.0, "own": 0.0}
    for percent, dso in re.findall(r"^\s*([\d.]+)%\s+(\S+)", text, re.M):
        share["crypto" if dso.startswith(CRYPTO) else "kernel" if "kernel" in dso else "own"] += float(percent) / 100
    return got, share if share["kernel"] else None  # without the kernel's samples they mean something else


PHASES = (("zones-signed", "new zone, signed"), ("zones-unsigned", "new zone, unsigned"),
          ("names-signed", "known zone, signed"), ("names-unsigned", "known zone, unsigned"))


def cold(bench, rounds):
    """The row `validate-cold`: True if the targets are met."""
    folder, work = make(bench), bench.work + "/validate-cold"
    os.makedirs(work)
    names = present()
    variants = [(n, v) for n in names for v in (True, False)]
    runs, shares = {}, {}
    with Authority(bench, work, folder) as authority:
        for n in range(rounds + PERF_ROUNDS):
            for name, validate in variants if n % 2 == 0 else variants[::-1]:
                with Resolver(bench, folder, name, validate) as r:
                    for phase, _ in PHASES:
                        if n < rounds:
                            got = ask(bench, r, authority, folder + "/" + phase)
                            runs.setdefault((phase, name, validate), []).append(got)
                        else:
                            _, share = sampled(r, work + "/perf", lambda: ask(bench, r, authority, folder + "/" + phase))
                            shares.setdefault((phase, name, validate), []).extend([share] if share else [])
    with open(bench.tools + "/validate-cold.json", "w") as f:
        json.dump([[*k, v, shares[k]] for k, v in runs.items()], f)
    good = True
    print("\nvalidate-cold: %d rounds, shares from %d more; us an answer with validation / without" % (rounds, PERF_ROUNDS))
    print("%-21s %-8s %13s %15s %15s %7s %24s %22s %5s" % (
        "", "", "all", "kernel", "own code", "crypto", "more outside it (95 %)", "upstream (DNSKEY, DS)", "bad"))
    for phase, title in PHASES:
        for name in names:
            good &= cold_line(phase, title, name, *((runs[phase, name, v], shares[phase, name, v]) for v in (True, False)))
    return good


def cold_line(phase, title, name, on, off):
    """One line of the table, from (runs, shares) with validation and without."""
    us = [stats.median([x["cpu_ns"] for x in r]) / 1000 for r, _ in (on, off)]
    up = [stats.median([x["upstream"]["all"] for x in r]) for r, _ in (on, off)]
    types = [stats.median([x["upstream"].get(t, 0) for x in on[0]]) for t in ("DNSKEY", "DS")]
    bad = sum(x["lost"] + x["answered"] - x["rcodes"].get("0", 0) for x in on[0] + off[0])
    known = bool(on[1] and off[1])
    part = {k: [stats.median([x[k] for x in s]) for _, s in (on, off)] if known else [0, 0] for k in ("crypto", "kernel", "own")}
    over = stats.interval([a["cpu_ns"] * (1 - part["crypto"][0]) / (b["cpu_ns"] * (1 - part["crypto"][1])) - 1 for a, b in zip(on[0], off[0])])
    two = lambda k: "%.1f / %.1f" % tuple(u * p for u, p in zip(us, part[k]))  # noqa: E731
    print("%-21s %-8s %13s %15s %15s %7.1f %24s %22s %5d" % (
        title, name, "%.1f / %.1f" % tuple(us), two("kernel"), two("own"), us[0] * part["crypto"][0],
        "%+.0f %% (%+.0f to %+.0f)" % tuple(100 * x for x in over) if known else "-",
        "%.2f (%.2f, %.2f) / %.2f" % (up[0], *types, up[1]), bad))
    if name != "banyan" or not phase.startswith("zones"):
        return name != "banyan" or bad == 0
    met = (not known or over[0] <= MOST_OVERHEAD) and up[0] - up[1] <= MOST_QUERIES + 0.02
    print("    target: at most %.0f %% more outside the library, %.0f question more: %s" % (
        100 * MOST_OVERHEAD, MOST_QUERIES, "MISSED" if not met else "met" if known else "the first not known without perf"))
    return met and bad == 0


def hit(bench, starts):
    """The row `validate-hit`: True if a hit of checked data costs what it costs without validation."""
    folder, work = make(bench), bench.work + "/validate-hit"
    os.makedirs(work)
    good = True
    print("\nvalidate-hit: %d starts, %d pairs of runs each; us an answer with validation and without; ratio of a pair" % (starts, PAIRS))
    print("%-8s %-4s %8s %8s %26s %14s %6s" % ("", "DO", "with", "without", "ratio (95 %)", "bytes", "bad"))
    with Authority(bench, work, folder) as authority:
        for name in present():
            runs = {}
            for _ in range(starts):
                with Resolver(bench, folder, name, True) as on, Resolver(bench, folder, name, False, port=PORT + 1) as off:
                    for r in (on, off, on, off):
                        ask(bench, r, authority, folder + "/prime")
                    for n in range(PAIRS):
                        for do in ("", "-do"):
                            for r in (on, off) if n % 2 == 0 else (off, on):
                                got = measure.cost(r, lambda: measure.load(bench.tools, bench.client_cpu, "127.0.0.1", r.port,
                                                                           folder + "/hits" + do, HIT_SECONDS))
                                runs.setdefault((do, r is on), []).append(got)
            for do in ("", "-do"):
                good &= hit_line(name, do, runs[do, True], runs[do, False])
    return good


def hit_line(name, do, on, off):
    ratio = stats.interval([a["cpu_ns"] / b["cpu_ns"] for a, b in zip(on, off)])
    us = [stats.median([x["cpu_ns"] for x in r]) / 1000 for r in (on, off)]
    size = [stats.median([x["mean_bytes"] for x in r]) for r in (on, off)]
    bad = sum(x["lost"] + x["answered"] - x["rcodes"].get("0", 0) for x in on + off)
    print("%-8s %-4s %8.2f %8.2f %26s %14s %6d" % (name, "on" if do else "off", *us, "%.3f (%.3f to %.3f)" % ratio,
                                                   "%.0f / %.0f" % tuple(size), bad))
    return name != "banyan" or size[0] != size[1] or ratio[1] <= 1.02  # other bytes are other work


def flood(bench, rounds):
    """The row `random-subdomain`: True if aggressive use saves most of the questions upstream."""
    folder, work = make(bench), bench.work + "/random-subdomain"
    os.makedirs(work)
    variants = [(n, a) for n in present() for a in (True, False) if a or n != "kresd"]  # kresd has no switch
    runs = {}
    with Authority(bench, work, folder) as authority:
        for n in range(rounds):
            for name, aggressive in variants if n % 2 == 0 else variants[::-1]:
                with Resolver(bench, folder, name, True, aggressive) as r:
                    for t in (0, 1):
                        runs.setdefault((t, name, aggressive), []).append(ask(bench, r, authority, folder + "/flood%d" % t))
    print("\nrandom-subdomain: %d rounds; %d names that do not exist, below a signed zone of %d; of each 1,000 questions upstream" % (
        rounds, FLOOD, FLOOD_HOSTS + 2))
    print("%-6s %-8s %-10s %10s %18s %18s %6s" % ("", "", "aggressive", "upstream", "us/answer", "of it off", "bad"))
    good = True
    for t in (0, 1):
        for name, aggressive in variants:
            mine, other = runs[t, name, aggressive], runs.get((t, name, False), [])
            up = 1000 * stats.median([x["upstream"]["all"] for x in mine])
            least, most = min(x["cpu_ns"] for x in mine) / 1000, max(x["cpu_ns"] for x in mine) / 1000
            ratio = "%.2f (%.2f to %.2f)" % stats.interval([a["cpu_ns"] / b["cpu_ns"] for a, b in zip(mine, other)]) if other and aggressive else "-"
            bad = sum(x["lost"] + x["answered"] - x["rcodes"].get("3", 0) for x in mine)
            print("%-6s %-8s %-10s %10.1f %18s %18s %6d" % (
                "NSEC3" if nsec3(t) else "NSEC", name, "on" if aggressive else "off", up,
                "%.1f (%.1f-%.1f)" % (stats.median([x["cpu_ns"] for x in mine]) / 1000, least, most), ratio, bad))
            if name == "banyan" and aggressive:
                good &= up <= 200 and bad == 0
    return good
