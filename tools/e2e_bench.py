#!/usr/bin/env python3
"""The benchmark's own arithmetic and words: intervals, verdicts, the comparison of answers, the chart, the command line. Nothing is
measured here."""
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT + "/bench")
sys.dont_write_bytecode = True
import chart  # noqa: E402
import data  # noqa: E402
import report  # noqa: E402
import same  # noqa: E402
import stats  # noqa: E402
from rows import ROWS  # noqa: E402

points = []


def check(what, fine):
    points.append(fine)
    print("%s %d - %s" % ("ok" if fine else "not ok", len(points), what))


def run(*args):
    return subprocess.run([ROOT + "/bench/run", *args], capture_output=True, text=True)


def arithmetic():
    check("six values: the whole range", stats.interval([1, 2, 3, 4, 5, 6])[1:] == (1, 6))
    check("nine values: without one at each end", stats.interval(list(range(9)))[1:] == (1, 7))
    check("six rounds are sure enough, five are not", stats.confidence(6) > 0.95 > stats.confidence(5))
    peers = {"nsd": [10.0] * 6, "gdnsd": [5.0, 5.5, 5, 5, 5, 5]}
    for mine, want in (([4.0] * 6, "ahead"), ([6.0] * 6, "behind"), ([4, 6, 4, 6, 4, 6], "equal")):
        c = stats.Compared({"banyan": mine, **peers})
        check("verdict: " + want, c.best == "gdnsd" and c.verdict == want)
    check("more is better, turned round", stats.Compared({"banyan": [9.0] * 6, "nsd": [5.0] * 6}, less=False).verdict == "ahead")
    check("who did other work is not the best", stats.Compared({"banyan": [4.0] * 6, **peers}, unfit=["gdnsd"]).best == "nsd")


def answers():
    q = data.message("www.example.org", "A")
    head = q[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + q[12:]
    a = head + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
    plain = head + q[12:-4] + b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
    check("compression does not matter", same.meaning(a) is not None and same.meaning(a) == same.meaning(plain))
    check("another address does", same.meaning(a) != same.meaning(a[:-1] + b"\2"))
    check("so does the code", same.meaning(a) != same.meaning(a[:3] + b"\3" + a[4:]))
    check("what is cut off cannot be read", same.meaning(a[:-2] + b"")[3:] != same.meaning(a)[3:] and same.meaning(a[:20]) is None)
    check("a pointer to itself ends", same.meaning(head[:12] + b"\xc0\x0c\0\1\0\1") is None)
    check("a cookie stands in the question", data.message("a", "A", edns="cookie")[-8:] == bytes.fromhex("0123456789abcdef"))


def words():
    row = ROWS["small"]
    row.name = "small"
    made = lambda us: [{"cpu_ns": us * 1000, "rate": 1, "p50_us": 1, "p99_us": 1, "p999_us": 1, "mean_bytes": 60, "answered": 100, "sent": 100,  # noqa: E731
                        "lost": 0, "rcodes": {"0": 100}, "foreign": 0}] * 6
    lossy = [{**r, "lost": 50, "answered": 50, "rcodes": {"0": 50}} for r in made(1)]
    found = report.cost_of(row, {"echo": made(3), "banyan": made(4), "nsd": made(5), "knot": lossy}, {})
    check("one that lost answers is not the best", found["best"] == "nsd" and any("lost" in d for d in found["differs"]))
    check("own is what is above echo", abs(found["servers"]["banyan"]["own"] - 1) < 1e-9)
    check("the table says the verdict", "AHEAD" in "\n".join(report.table(found)))
    check("so does the manual's", "| ahead |" in report.markdown([found])[-1])
    check("the chart is XML", xml.fromstring(chart.draw([found], {"machine": "a <b> & c"})).tag.endswith("svg"))


def command_line():
    got = run("smal")
    check("an unknown row, and the one that was meant", got.returncode == 2 and "did you mean small?" in got.stderr)
    got = run("--help")
    check("help lists every row, with examples", got.returncode == 0 and all(r in got.stdout for r in ROWS) and "examples:" in got.stdout)


arithmetic()
answers()
words()
command_line()
print("1..%d" % len(points))
sys.exit(0 if all(points) else 1)
