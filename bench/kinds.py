"""How each kind of row is measured. A kind takes (bench, row, up) and gives what it found to bench.found()."""
import os
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time

import data
import measure
import same
import servers
from dataclasses import dataclass

WARM_S = 0.1
FIRST = ("host0.z0.t0", "A")  # what a resolver has to answer before it is measured


@dataclass
class Job:
    """What an authoritative server is to serve."""
    zones: list
    signed: bool = False
    nsec3: bool = False
    reload: bool = False  # files will change


@dataclass
class Up:
    server: object
    port: int
    work: str
    ready_s: float = 0.0
    asked: int = 0  # questions so far: each run goes on where the last one ended


class Running:
    """Authoritative servers that are all up: a context, {name: Up}."""

    def __init__(self, bench, name, who, job=None, port=5301):
        self.up = {}
        folder = bench.data(name)
        self.job = job or Job(data.zones(name, folder), name.endswith("-signed"), name == "tld-signed")
        for i, n in enumerate(who):
            bench.progress("%s: starting %s" % (name, n))
            u = start(bench, n, "%s/%s-%s" % (bench.work, name, n), port + i, self.job)
            if u:
                self.up[n] = u

    def __enter__(self):
        return self.up

    def __exit__(self, *exc):
        for u in self.up.values():
            u.server.stop()


def start(bench, name, work, port, job, cold=False):
    """Starts an authoritative server; None, and a line said, if it does not come up."""
    if not servers.installed(name):
        bench.absent(name)
        return None
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    command = servers.AUTH[name](bench, work, port, job)
    if cold:
        for folder in (os.path.dirname(job.zones[0][1]), work, work + "/zones"):
            for f in os.listdir(folder) if os.path.isdir(folder) else []:
                if os.path.isfile(folder + "/" + f):
                    measure.forget(folder + "/" + f)
    s = measure.Server(command, bench.server_cpu, work + "/log")
    if name == "echo":
        time.sleep(0.1)
        return Up(s, port, work)
    ready = s.ready("127.0.0.1", port, job.zones[-1][0])
    if ready is None:
        bench.say("%s does not start; see %s" % (name, s.log))
        s.stop()
        return None
    return Up(s, port, work, ready)


def one(bench, u, path, options, seconds):
    """A short run to warm up, then one that counts; once more if others were on the server's processor."""
    for _ in range(2):
        for part in (WARM_S, seconds):
            got = measure.cost(u.server, lambda: bench.ask(u.port, path, part, *options, "--skip", str(u.asked)), bench.server_cpu)
            u.asked += got["sent"]
        if got["foreign"] < 0.15:
            break
    return got


def in_turns(bench, row, up, work):
    """{server: [work(its Up)]}, round by round, the order turned round each time."""
    runs, order = {n: [] for n in bench.servers(row) if n in up}, [n for n in bench.servers(row) if n in up]
    for r in range(bench.rounds):
        for n in order if r % 2 == 0 else order[::-1]:
            bench.progress("%s: round %d of %d, %s" % (row.name, r + 1, bench.rounds, n))
            runs[n].append(work(up[n]))
    return runs


def ask(bench, row, up):
    """Asked in turns, as fast as they answer."""
    path = bench.data(row.data) + "/" + row.queries
    says = {n: same.sample(u.port, path) for n, u in up.items() if n in bench.servers(row) and n != "echo"}
    runs = in_turns(bench, row, up, lambda u: one(bench, u, path, row.options, bench.seconds))
    bench.found_cost(row, runs, {n: same.alike(s, says.get("banyan", s)) for n, s in says.items()})


def open_loop(bench, u, path, rate, seconds):
    got = bench.ask(u.port, path, seconds, "--rate", "%.0f" % rate, "--skip", str(u.asked))
    u.asked += got["sent"]
    return got


def latency(bench, row, up):
    """All at the same rate: half of what the slowest of them can do. Then each at twice its own."""
    path = bench.data(row.data) + "/" + row.queries
    most = {n: statistics.median(one(bench, up[n], path, [], bench.seconds)["rate"] for _ in range(3)) for n in bench.servers(row) if n in up}
    if not most:
        return
    half = min(most.values()) / 2
    mine = {id(up[n]): n for n in most}

    def work(u):
        calm = open_loop(bench, u, path, half, 0.6)
        flood = open_loop(bench, u, path, 2 * most[mine[id(u)]], 0.3)
        return {"calm": calm, "flood": flood}

    runs = in_turns(bench, row, up, work)
    title = "%s: %.0f questions a second" % (row.title, half)
    for what, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us")):
        bench.found(row, "us " + what, {n: [x["calm"][key] for x in v] for n, v in runs.items()}, title=title)
    bench.found(row, "us p99 at 200 %", {n: [x["flood"]["p99_us"] for x in v] for n, v in runs.items()}, title=title, judged=False)
    bench.found(row, "answers/s at 200 %", {n: [x["flood"]["rate"] for x in v] for n, v in runs.items()}, less=False, title=title)
    for n, v in runs.items():
        lost = sum(x["calm"]["lost"] for x in v) / max(sum(x["calm"]["sent"] for x in v), 1)
        if lost > 0.001:
            bench.say("%s: %s lost %.2f %% at half of the load" % (row.name, n, 100 * lost))


# ---- loading -------------------------------------------------------------------------------------
def load(bench, row, up):
    """Started alone, in turns: once with the files out of the page cache, then with them there."""
    folder = bench.data(row.data)
    job = Job(data.zones(row.data, folder), row.data.endswith("-signed"), row.data == "tld-signed")
    found = {n: [] for n in bench.servers(row)}
    rounds = 1 + max(bench.rounds // 8, 1)
    for r in range(rounds):
        for n in found:
            bench.progress("%s: round %d of %d, %s" % (row.name, r + 1, rounds, n))
            u = start(bench, n, "%s/%s-%s" % (bench.work, row.name, n), 5301, job, cold=r == 0)
            if u is None:
                continue
            time.sleep(0.5)
            peak = max(measure.peak_mib(p) for p in measure.family(u.server.pid))
            found[n].append((u.ready_s, measure.pss_mib(u.server.pid), peak))
            u.server.stop()
            shutil.rmtree(u.work, ignore_errors=True)
    bench.found(row, "s", {n: [x[0] for x in v[1:]] for n, v in found.items()})
    bench.found(row, "s, from the disk", {n: [x[0] for x in v[:1]] for n, v in found.items()})
    bench.found(row, "MiB", {n: [x[1] for x in v] for n, v in found.items()})
    bench.found(row, "MiB at most", {n: [x[2] for x in v] for n, v in found.items()})


def changed(path, to, banned):
    """The TLD's next version: another serial, a hundredth more names."""
    with open(path) as f, open(to, "w") as out:
        soa = False
        for line in f:
            if not soa and " SOA " in line:
                line, soa = line.replace(" 1 7200 ", " 2 7200 "), True
            if banned not in line:
                out.write(line)
        out.writelines("new-%d NS a.dns-%d.example.\n" % (n, n % 5000) for n in range(10000))


def serial(port):
    q = data.message("tld", "SOA")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        try:
            s.connect(("127.0.0.1", port))
            s.send(q)
            return int.from_bytes(s.recv(4096)[-20:-16], "big")
        except OSError:
            return 0


class Watched:
    """The most memory (PSS) in use while a context lasts."""

    def __init__(self, pid):
        self.pid, self.most, self.over = pid, measure.pss_mib(pid), False
        self.before = self.most
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over:
            self.most = max(self.most, measure.pss_mib(self.pid))
            time.sleep(0.25)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.over = True
        self.thread.join()


def reload_one(bench, name, folder, seconds=2.0, limit=60):
    """(p99 before, meanwhile, after; seconds to the new zone; memory meanwhile by memory before), or None."""
    work = "%s/reload-%s" % (bench.work, name)
    zone = "%s/reload-%s.zone" % (bench.work, name)
    shutil.copy(folder + "/zone", zone)
    u = start(bench, name, work, 5301, Job([("tld.", zone)], reload=True))
    if u is None:
        return None
    try:
        served = work + "/zones/tld" if name == "gdnsd" else zone
        changed(folder + "/zone", work + "/next", " DS " if name == "gdnsd" else "\0")
        most = one(bench, u, folder + "/queries", [], bench.seconds)["rate"]
        args = [bench.tools + "/load", "--rate", "%.0f" % (0.3 * most), "127.0.0.1", str(u.port), folder + "/queries", str(limit + 10)]
        client = subprocess.Popen(["taskset", "-c", str(bench.client_cpu), *args], stdout=subprocess.PIPE, text=True)
        time.sleep(seconds)
        with Watched(u.server.pid) as memory:
            os.rename(work + "/next", served)
            client.send_signal(signal.SIGUSR1)
            begun = time.monotonic()
            if name == "gdnsd":
                subprocess.run(["gdnsdctl", "-c", work, "reload-zones"], capture_output=True)
            else:
                os.kill(u.server.pid, signal.SIGHUP)
            while serial(u.port) != 2 and time.monotonic() - begun < limit:
                time.sleep(0.02)
            took = time.monotonic() - begun
            client.send_signal(signal.SIGUSR1)
        time.sleep(seconds)
        client.send_signal(signal.SIGTERM)
        got = measure.json.loads(client.communicate()[0])
        if took >= limit:
            bench.say("reload: %s did not take the new zone within %d s" % (name, limit))
            return None
        return [p["p99_us"] for p in got["phases"]], [p["most_us"] for p in got["phases"]], took, memory.most / memory.before, got["lost"] / got["sent"]
    finally:
        u.server.stop()
        os.unlink(zone)


def reload(bench, row, up):
    folder, found = bench.data(row.data), {}
    for r in range(max(bench.rounds // 8, 1)):
        for n in bench.servers(row):
            bench.progress("reload: round %d, %s" % (r + 1, n))
            got = reload_one(bench, n, folder) if servers.installed(n) else bench.absent(n)
            found.setdefault(n, []).extend([got] if got else [])
    each = lambda f: {n: [f(x) for x in v] for n, v in found.items()}  # noqa: E731
    bench.found(row, "us p99 before", each(lambda x: x[0][0]), judged=False)
    bench.found(row, "us p99 meanwhile", each(lambda x: x[0][1]))
    bench.found(row, "us p99 after", each(lambda x: x[0][2]), judged=False)
    bench.found(row, "p99 meanwhile by before", each(lambda x: x[0][1] / x[0][0]), aim=1.5)
    bench.found(row, "us at most meanwhile", each(lambda x: x[1][1]), judged=False)
    bench.found(row, "s to the new zone", each(lambda x: x[2]))
    bench.found(row, "memory meanwhile by before", each(lambda x: x[3]), aim=2.1)
    bench.found(row, "% lost", each(lambda x: 100 * x[4]), judged=False)


# ---- resolvers -----------------------------------------------------------------------------------
class Resolver:
    """A fresh one, with an empty cache but for a name in each of the TLDs: a context, an Up."""

    serial = 0

    def __init__(self, bench, name, folder, port=5351):
        Resolver.serial += 1
        shared = "/dev/shm" if name == "kresd" and os.access("/dev/shm", os.W_OK) else bench.work  # its cache is a file
        work = "%s/resolver-%d-%d" % (shared, os.getpid(), Resolver.serial)
        os.makedirs(work)
        s = measure.Server(servers.RESOLVERS[name](bench, work, port, folder + "/hints"), bench.server_cpu, work + "/log")
        self.up = Up(s, port, work, 0 if name == "echo" else s.ready("127.0.0.1", port, *FIRST, True, 20))
        if self.up.ready_s is None:
            bench.say("%s does not answer; see %s" % (name, s.log))
        time.sleep(0.1)

    def __enter__(self):
        return self.up

    def __exit__(self, *exc):
        self.up.server.stop()
        if self.up.ready_s is not None:
            shutil.rmtree(self.up.work, ignore_errors=True)


def present(bench, row):
    names = [n for n in bench.servers(row) if servers.installed(n)]
    for n in set(bench.servers(row)) - set(names):
        bench.absent(n)
    return names


def primed(bench, row):
    """All resolvers of a row, up beside each other with the names in their caches."""
    folder, up = bench.data(row.data), {}
    for i, n in enumerate(present(bench, row)):
        bench.progress("%s: filling %s" % (row.name, n))
        r = Resolver(bench, n, folder, 5351 + i)
        if r.up.ready_s is None:
            r.__exit__()
            continue
        up[n] = r
        for _ in range(2 if n != "echo" else 0):
            bench.ask(5351 + i, folder + "/prime", "once")
    return up


def hits(bench, row, up):
    with bench.authority():
        held = primed(bench, row)
        try:
            up = {n: r.up for n, r in held.items()}
            (latency if row.kind == "latency_hits" else ask)(bench, row, up)
        finally:
            for r in held.values():
                r.__exit__()


latency_hits = hits


def cold(bench, row, up):
    """A new process for every run. Each round asks the next of the set's files, all servers the same."""
    folder = bench.data(row.data)
    files = sorted(f for f in os.listdir(folder) if f.startswith(row.queries))
    names, runs = present(bench, row), {}
    with bench.authority() as authority:
        for r in range(bench.rounds):
            for n in names if r % 2 == 0 else names[::-1]:
                bench.progress("%s: round %d of %d, %s" % (row.name, r + 1, bench.rounds, n))
                with Resolver(bench, n, folder) as u:
                    if u.ready_s is None:
                        continue
                    before = authority.asked()["all"]
                    got = measure.cost(u.server, lambda: bench.ask(u.port, folder + "/" + files[r % len(files)], "once"), bench.server_cpu)
                    time.sleep(0.05)
                    got["upstream"] = (authority.asked()["all"] - before) / max(got["answered"], 1)
                    runs.setdefault(n, []).append(got)
    bench.found_cost(row, runs, {})


def memory(bench, row, up):
    """What 200,000 names take. Knot Resolver's cache is a mapped file: not the same thing."""
    folder, found = bench.data(row.data), {}
    with bench.authority():
        for n in present(bench, row):
            bench.progress("memory: filling %s" % n)
            with Resolver(bench, n, folder) as u:
                if u.ready_s is None:
                    continue
                before = measure.pss_mib(u.server.pid)
                got = bench.ask(u.port, folder + "/all", "once")
                found[n] = [measure.pss_mib(u.server.pid)]
                if got["lost"] or before <= 0:
                    bench.say("memory: %s lost %d answers" % (n, got["lost"]))
    found.pop("kresd", None)
    bench.found(row, "MiB", found)


KINDS = {"ask": ask, "latency": latency, "load": load, "reload": reload, "hits": hits, "latency_hits": latency_hits, "cold": cold, "memory": memory}
