#!/usr/bin/python3
"""resolver.cache-file of a running banyand: files that are damaged, somebody else's, or cannot be written are told of once and cost
nothing else. (That a cache comes back, and what was flushed does not, is in tools/soak.) Prints TAP."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BANYAN_BUILD", ROOT + "/build")
GOOD = ROOT + "/vectors/fuzz/snapshot/file-small"
TMP = tempfile.mkdtemp(prefix="banyan-e2e-cache-")
NET = "127.21.%d.%d@21310" % (os.getpid() // 250 % 250, os.getpid() % 250 + 1)
points = failed = 0


def ok(good, what, detail=""):
    global points, failed
    points += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", points, what), flush=True)
    if not good:
        print("# " + str(detail).replace("\n", "\n# "))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def run(path, options=""):
    """Starts and ends a server; what it said of the file."""
    write(TMP + "/conf", ("server:\n  listen: [\"%s\"]\n  workers: 1\ncontrol:\n  socket: \"\"\nresolver:\n  enabled: yes\n"
                          "  cache-file: %s\n%s" % (NET, path, options)).encode())
    with open(TMP + "/log", "w") as log:
        p = subprocess.Popen([BUILD + "/banyand", "--config", TMP + "/conf"], stderr=log)
    for _ in range(100):
        text = read(TMP + "/log").decode()
        if " ready " in text and ("action=load" in text or p.poll() is not None or (" ready " in text and not os.path.exists(path))):
            break
        time.sleep(0.05)
    p.send_signal(signal.SIGTERM)
    rc = p.wait(10)
    lines = [x.split(" ", 1)[1] for x in read(TMP + "/log").decode().splitlines() if " cache-file " in x]
    return rc, lines


def warned(lines, words):
    w = [x for x in lines if x.startswith("warning")]
    return len(w) == 1 and words in w[0]


def main():
    good, path = read(GOOD), TMP + "/cache"
    rc, lines = run(path)
    ok(rc == 0 and not warned(lines, "") and os.path.exists(path), "without a file: made when the server ends", lines)
    ok(os.stat(path).st_mode & 0o077 == 0, "nobody else may read it")
    for what, data, words in (("breaks off", good[:200], "breaks off"),
                              ("a bit has changed", good[:120] + bytes([good[120] ^ 4]) + good[121:], "damaged"),
                              ("its head is damaged", good[:20] + b"\xff" + good[21:], "beginning is damaged"),
                              ("something at its end", good + b"more", "at its end")):
        write(path, data)
        rc, lines = run(path)
        ok(rc == 0 and warned(lines, words) and read(path) != data, what + ": one warning, and a new file at the end", lines)
    foreign = b"root:x:0:0:root:/root:/bin/bash\n"
    write(path, foreign)
    rc, lines = run(path)
    ok(rc == 0 and warned(lines, "something else") and read(path) == foreign, "somebody else's file is not touched", lines)
    rc, lines = run(TMP)
    ok(rc == 0 and warned(lines, "no plain file"), "a folder", lines)
    rc, lines = run(TMP + "/none/cache")
    ok(rc == 0 and any("action=load" in x and "No such file" in x for x in lines), "its folder is not there: told at the start", lines)
    write(path, good)  # by a server without trust anchors
    rc, lines = run(path)
    ok(rc == 0 and any("action=load" in x and "validation=anew" in x for x in lines), "other trust anchors: to be validated anew", lines)
    print("1..%d" % points)
    shutil.rmtree(TMP, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
