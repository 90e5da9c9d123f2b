"""What a process costs: scheduler run time of its threads, memory, time to the first answer."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import data


def family(pid):
    """The process and all its children."""
    out = [pid]
    for p in out:
        try:
            for t in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/children" % (p, t)) as f:
                    out += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return out


def cpu_ns(pid):
    """Nanoseconds that all threads of the family have run. Counted by the scheduler, not sampled by ticks."""
    total = 0
    for p in family(pid):
        try:
            for t in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/schedstat" % (p, t)) as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def pss_mib(pid):
    """Proportional set size: pages shared by the processes of a server count once."""
    total = 0
    for p in family(pid):
        try:
            with open("/proc/%d/smaps_rollup" % p) as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
        except (OSError, TypeError):
            pass
    return total / 1024


def peak_mib(pid):
    """The most that was resident at once, pages of files included; of one process."""
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(re.search(r"^VmHWM:\s+(\d+)", f.read(), re.M)[1]) / 1024
    except (OSError, TypeError):
        return 0.0


def answers(address, port, name, rrtype, recurse):
    """Does the server answer, with NOERROR and at least one record?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1 if recurse else 0.1)
        try:
            s.connect((address, port))
            s.send(data.message(name, rrtype, recurse))
            got = s.recv(4096)
        except OSError:
            return False
    return len(got) >= 12 and got[3] & 15 == 0 and got[6:8] != b"\0\0"


class Server:
    """A started server, pinned to a processor; a context that ends it."""

    def __init__(self, command, cpu, log):
        self.log = log
        self.start = time.monotonic()
        with open(log, "wb") as out:
            self.process = subprocess.Popen(["taskset", "-c", str(cpu)] + command, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, start_new_session=True)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def ready(self, address, port, name, rrtype="SOA", recurse=False, limit=120):
        """Seconds from the start to the first answer; None if there is none."""
        while time.monotonic() - self.start < limit and self.process.poll() is None:
            if answers(address, port, name, rrtype, recurse):
                return time.monotonic() - self.start
            time.sleep(0.01)
        return None

    def stop(self):
        pids = family(self.pid)
        for how in (signal.SIGTERM, signal.SIGKILL):
            for p in pids:
                try:
                    os.kill(p, how)
                except OSError:
                    pass
            for _ in range(200):
                self.process.poll()
                if not any(os.path.exists("/proc/%d" % p) for p in pids):
                    return
                time.sleep(0.05)


def load(tools, cpu, address, port, queries, seconds):
    out = subprocess.run(["taskset", "-c", str(cpu), tools + "/load", address, str(port), queries, str(seconds)],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def cost(server, work):
    """Runs work() and adds the server's nanoseconds an answer."""
    before, t0 = cpu_ns(server.pid), time.monotonic()
    result = work()
    used = cpu_ns(server.pid) - before
    result["cpu_ns"] = used / max(result["answered"], 1)
    result["busy"] = used / 1e9 / (time.monotonic() - t0)
    return result


def median(values):
    v = sorted(values)
    return (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2
