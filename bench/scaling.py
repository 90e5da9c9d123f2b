"""Many workers: Banyan with 1, 2, 4 ... of them, each on a processor of its own, and as many clients on others.

A client costs about what a worker does, so N workers need 2 N processors; what the machine has no room for is said."""
import json
import os
import subprocess

import kinds
import measure
import servers
import stats

SOCKETS = "128"  # of a client: the kernel hands datagrams out to workers by the addresses, and few would do so unevenly


def clients(bench, port, path, cpus):
    """As many clients at once as there are processors; their results."""
    args = ["--sockets", SOCKETS, "127.0.0.1", str(port), path, str(max(bench.seconds, 1.0))]
    up = [subprocess.Popen(["taskset", "-c", str(c), bench.tools + "/load", "--skip", str(1000 * i), *args], stdout=subprocess.PIPE, text=True)
          for i, c in enumerate(cpus)]
    return [json.loads(p.communicate()[0]) for p in up]


def together(bench, port, path, cpus):
    got = clients(bench, port, path, cpus)
    return {"answered": sum(g["answered"] for g in got), "rate": sum(g["rate"] for g in got), "lost": sum(g["lost"] for g in got),
            "p99_us": max(g["p99_us"] for g in got)}


def scale(bench, rounds):
    """The row `scaling`: True if it could be measured at all."""
    folder, cpus = bench.data("small"), sorted(os.sched_getaffinity(0))
    job = kinds.Job(kinds.data.zones("small", folder))
    counts = [n for n in (1, 2, 4, 8, 16) if 2 * n <= len(cpus)]
    runs = {n: [] for n in counts}
    for r in range(rounds):
        for n in counts if r % 2 == 0 else counts[::-1]:
            bench.progress("scaling: round %d of %d, %d workers" % (r + 1, rounds, n))
            work = "%s/scaling-%d-%d" % (bench.work, n, r)
            os.makedirs(work)
            command = servers.banyan(bench, work, 5301, job)
            command[command.index("--workers") + 1] = str(n)
            with measure.Server(command, ",".join(map(str, cpus[:n])), work + "/log") as s:
                if s.ready("127.0.0.1", 5301, "small.test") is None:
                    bench.say("scaling: Banyan does not start; see " + s.log)
                    return False
                runs[n].append(measure.cost(s, lambda: together(bench, 5301, folder + "/queries", cpus[n:2 * n])))
    bench.say("\nscaling: Banyan alone, a zone of 1,000 names over UDP, %s sockets a client" % SOCKETS)
    bench.say("  %7s %11s %22s %9s %9s %6s" % ("workers", "answers/s", "by one's (95 %)", "us/answer", "p99 us", "lost"))
    for n, v in runs.items():
        rate, cost, p99 = (stats.median([x[k] for x in v]) for k in ("rate", "cpu_ns", "p99_us"))
        more = stats.interval([a["rate"] / b["rate"] for a, b in zip(v, runs[1])]) if runs.get(1) else (0, 0, 0)
        bench.say("  %7d %11.0f %22s %9.2f %9.0f %6d" % (n, rate, "%.2f (%.2f to %.2f)" % more, cost / 1000, p99, sum(x["lost"] for x in v)))
    for n in (2, 4, 8, 16):
        if n not in counts:
            bench.say("  %7d not measured: it takes %d processors, and there are %d" % (n, 2 * n, len(cpus)))
    with open(bench.tools + "/scaling.json", "w") as f:
        json.dump(runs, f, indent=1)
    return bool(counts)
