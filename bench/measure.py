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
    """Nanoseconds that the family has run, by two counts: exact, of the threads there are; and with the threads that have
    ended, but in ticks."""
    exact = ticks = 0
    for p in family(pid):
        try:
            for t in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/schedstat" % (p, t)) as f:
                    exact += int(f.read().split()[0])
            with open("/proc/%d/stat" % p) as f:
                ticks += sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13])
        except OSError:
            pass
    return exact, ticks * 10 ** 9 // os.sysconf("SC_CLK_TCK")


def used_ns(before, after):
    """What was run between two counts: the exact one, unless threads ended meanwhile."""
    exact, ticks = (b - a for a, b in zip(before, after))
    return ticks if ticks - exact > 30000000 else exact


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


def load(tools, cpu, address, port, queries, seconds, *options):
    out = subprocess.run(["taskset", "-c", str(cpu), tools + "/load", *options, address, str(port), queries, str(seconds)],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def busy_ns(cpu):
    """For how long a processor has been busy, with anything; counted in ticks."""
    with open("/proc/stat") as f:
        for line in f:
            if line.startswith("cpu%d " % cpu):
                v = [int(x) for x in line.split()[1:9]]
                return (sum(v) - v[3] - v[4]) * 10 ** 9 // os.sysconf("SC_CLK_TCK")
    return 0


def cost(server, work, cpu=None):
    """Runs work() and adds the server's nanoseconds an answer; and of its processor, the share that others took."""
    before, t0, busy = cpu_ns(server.pid), time.monotonic(), busy_ns(cpu) if cpu is not None else 0
    result = work()
    used = used_ns(before, cpu_ns(server.pid))
    took = time.monotonic() - t0
    result["cpu_ns"] = used / max(result["answered"], 1)
    result["busy"] = used / 1e9 / took
    result["foreign"] = max(busy_ns(cpu) - busy - used, 0) / 1e9 / took if cpu is not None else 0
    return result


def forget(path):
    """Takes a file out of the page cache, so that it is read from the disk again."""
    with open(path, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

