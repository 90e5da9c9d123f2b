#!/usr/bin/python3
"""A resolver that is asked all the time while it is reloaded (with good and bad configurations), flushed, saved and started anew,
and while more is asked than it can look up: no answer out of the cache may be lost or late for that. Prints TAP.

    BANYAN_BUILD=build tools/e2e_load.py [--seconds 12] [--flood 60000]"""
import argparse
import multiprocessing
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BANYAN_BUILD", ROOT + "/build")
TMP = tempfile.mkdtemp(prefix="banyan-e2e-load-")
NET = "127.22.%d.%%d" % (os.getpid() % 250)
UPSTREAM, PORT = 27100, 27101
AUTH, RESOLVER = NET % 1, NET % 2
POPULAR = ["p%d.popular.load" % i for i in range(50)]
points = failed = 0


def ok(good, what, detail=""):
    global points, failed
    points += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", points, what), flush=True)
    if detail:
        print("# " + str(detail).replace("\n", "\n# "), flush=True)


def write(name, text):
    with open(os.path.join(TMP, name), "w") as f:
        f.write(text)
    return os.path.join(TMP, name)


def question(ident, name):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


class Popular(threading.Thread):
    """Asks for popular names at a steady rate; what was lost, and how long each answer took."""

    def __init__(self, rate=500):
        super().__init__(daemon=True)
        self.rate, self.over, self.sent, self.times, self.rcodes = rate, False, {}, [], {}
        self.asked = 0

    def run(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((RESOLVER, PORT))
        s.setblocking(False)
        begin, end = time.monotonic(), None
        while end is None or time.monotonic() < end:
            now = time.monotonic()
            if self.over and end is None:
                end = now + 1
            while end is None and self.asked < (now - begin) * self.rate:
                ident = self.asked & 0xffff
                try:
                    s.send(question(ident, POPULAR[self.asked % len(POPULAR)]))
                except OSError:
                    pass
                self.sent[ident] = now
                self.asked += 1
            select.select([s], [], [], 0.0005)
            try:
                while True:
                    ident, flags = struct.unpack(">HH", s.recv(4096)[:4])
                    if ident in self.sent:
                        self.times.append(time.monotonic() - self.sent.pop(ident))
                        self.rcodes[flags & 15] = self.rcodes.get(flags & 15, 0) + 1
            except OSError:
                pass

    def stop(self):
        self.over = True
        self.join()
        self.times.sort()
        return self

    def __str__(self):
        n = len(self.times)
        return "%d asked, %d lost, p99 %.1f ms, worst %.1f ms, rcodes %s" % (
            self.asked, len(self.sent), 1000 * self.times[n * 99 // 100], 1000 * self.times[-1], self.rcodes)


def flood(rate, seconds, ret):
    """Names that nobody asked for before, as fast as that; nobody reads the answers."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((RESOLVER, PORT))
    s.setblocking(False)
    tag, sent, begin = "%x" % random.getrandbits(40), 0, time.monotonic()
    while time.monotonic() < begin + seconds:
        while sent < (time.monotonic() - begin) * rate:
            try:
                s.send(question(1, "%s-%d.scan.load" % (tag, sent)))
            except OSError:
                pass
            sent += 1
        time.sleep(0.0002)
    ret.value = sent


def config(more=""):
    return ("server:\n  listen: [\"%s@%d\"]\n  workers: 1\ncontrol:\n  socket: \"%s/ctl\"\nresolver:\n  enabled: yes\n"
            "  root-hints: \"%s/hints\"\n  upstream-port: %d\n  query-loopback: yes\n  validate: no\n  outgoing: [\"127.0.0.1\"]\n"
            "  cache-size: 64M\n  cache-file: \"%s/cache\"\n  cache-save-interval: 2s\n%s"
            % (RESOLVER, PORT, TMP, TMP, UPSTREAM, TMP, more))


def ctl(*args):
    return subprocess.run([BUILD + "/banyan", "ctl", "--socket", TMP + "/ctl", *args], capture_output=True, text=True, timeout=30)


def ask(name, seconds=2):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(seconds)
    s.sendto(question(7, name), (RESOLVER, PORT))
    try:
        return struct.unpack(">HH", s.recv(4096)[:4])[1] & 15
    except OSError:
        return None


def start(*args):
    with open(TMP + "/log", "a") as log:
        return subprocess.Popen([BUILD + "/banyand", *args], stderr=log)


def resolver():
    p = start("--config", TMP + "/conf")
    for _ in range(200):
        if ask("warm.popular.load", 0.2) == 0:
            return p
        time.sleep(0.05)
    sys.exit("the resolver does not answer")


def part_reload():
    write("conf", config("  ttl-max: 1h\n"))
    r = ctl("reload")
    ok(r.returncode == 0 and "resolver.ttl-max: 1d -> 1h\n" in r.stdout, "a reload prints the difference", r.stdout)
    with open(TMP + "/log") as f:
        ok('config-change text="resolver.ttl-max: 1d -> 1h"' in f.read(), "and the log has it, for who reloads by a signal")
    ok("the configuration is the same" in ctl("reload").stdout, "or that there is none")
    for more, at, says in (("  ipv6: perhaps\n", ":17:9: error:", "must be yes or no"), ("  ipv9: no\n", ":17:3: error:", "unknown option"),
                           ("  x: [\n", ":18:1: error:", "closing bracket")):
        write("conf", config("  ttl-max: 2h\n" + more))
        r = ctl("reload")
        text = r.stdout + r.stderr
        ok(r.returncode == 1 and TMP + "/conf" + at in text and says in text and "nothing was changed" in text,
           "a mistake is told with file, line and column", text)
    write("conf", config("  ttl-max: 1h\n"))
    ok("the configuration is the same" in ctl("reload").stdout, "and nothing of it came into force")
    write("conf", config("  ttl-max: 1h\n").replace("workers: 1", "workers: 2"))
    ok("server.workers: 1 -> 2 (needs a new start)" in ctl("reload").stdout, "what needs a new start says so")
    write("conf", config("  ttl-max: 1h\n"))
    ok("the configuration is the same" in ctl("reload").stdout, "and is compared with what runs")


def part_quiet(seconds, server):
    """Nothing of this may be noticed by those whose answers are in the cache."""
    for i in range(3000):
        if i % 100 == 0:
            time.sleep(0.01)
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(question(i, "n%d.scan.load" % i), (RESOLVER, PORT))
    popular = Popular()
    popular.start()
    part_reload()
    server.send_signal(signal.SIGHUP)
    ok("1 entry forgotten" in ctl("flush", "n1.scan.load").stdout, "flush of a name")
    ok("1 entry forgotten" in ctl("flush", "n2.scan.load", "A").stdout, "flush of a type")
    said = ctl("flush", "--below", "scan.load").stdout
    ok(int(said.split()[0]) > 2000, "flush of a subtree", said)
    for _ in range(20):
        ctl("reload")
    time.sleep(seconds)
    popular.stop()
    ok(not popular.sent and set(popular.rcodes) == {0}, "nothing is lost by reloads, flushes and the saving of the cache", popular)
    ok(popular.times[-1] < 0.25, "nor late")
    ok(ctl("flush", "--all").returncode == 0 and ask(POPULAR[0]) == 0, "flush of everything: asked for anew")


def part_flood(rate, seconds):
    for name in POPULAR:
        ask(name)
    popular, sent = Popular(), [multiprocessing.Value("q", 0) for _ in range(2)]
    p = [multiprocessing.Process(target=flood, args=(rate / 2, seconds, x)) for x in sent]
    popular.start()
    for x in p:
        x.start()
    for x in p:
        x.join()
    popular.stop()
    line = [x for x in ctl("stats").stdout.splitlines() if x.split()[:1] == ["overload"]]
    away = int(line[0].split()[1])
    share = len(popular.times) / popular.asked
    ok(share > 0.9 and set(popular.rcodes) == {0}, "under a flood of %d questions a second popular names are answered" % (sum(x.value for x in sent) / seconds),
       "%s; %d turned away" % (popular, away))
    ok(ask("after.scan.load") == 0, "and new ones at once when it is over")
    after = Popular()
    after.start()
    time.sleep(1)
    after.stop()
    ok(not after.sent, "nothing is lost then", after)


def part_stop(server):
    popular = Popular()
    popular.start()
    time.sleep(0.5)
    server.send_signal(signal.SIGTERM)
    ok(server.wait(10) == 0, "SIGTERM: ends with status 0")
    server = resolver()
    time.sleep(0.5)
    popular.stop()
    ok(len(popular.sent) < popular.asked * 0.5, "a new start is short", popular)
    stats = [x.split() for x in ctl("stats").stdout.splitlines()]
    ok([int(x[1]) for x in stats if x[:1] == ["file_loaded"]] > [len(POPULAR)], "and the cache is there again")
    return server


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--seconds", type=float, default=3)
    a.add_argument("--flood", type=int, default=60000)
    o = a.parse_args()
    soa = "@ 86400 SOA ns.root. host.root. 1 3600 600 86400 60\n"
    write("root.zone", soa + "@ 86400 NS ns.root.\nns.root. 86400 A %s\nload. 86400 NS ns.load.\nns.load. 86400 A %s\n" % (AUTH, AUTH))
    write("load.zone", soa + "@ 86400 NS ns\nns 86400 A %s\n*.scan 86400 A 192.0.2.1\n*.popular 86400 A 192.0.2.2\n" % AUTH)
    write("hints", ". 86400 NS ns.root.\nns.root. 86400 A %s\n" % AUTH)
    write("conf", config())
    auth = start("--listen", "%s@%d" % (AUTH, UPSTREAM), "--zone", ".=" + TMP + "/root.zone", "--zone", "load=" + TMP + "/load.zone")
    server = None
    try:
        server = resolver()
        part_quiet(o.seconds, server)
        part_flood(o.flood, o.seconds)
        server = part_stop(server)
    finally:
        for x in (server, auth):
            if x is not None and x.poll() is None:
                x.send_signal(signal.SIGTERM)
                x.wait(10)
        shutil.rmtree(TMP)
    print("1..%d" % points)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
