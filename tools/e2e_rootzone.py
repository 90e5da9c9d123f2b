#!/usr/bin/python3
"""The real root zones, served: every RRset of the file comes back, RDATA byte for byte, judged by an
independent implementation (dnspython). Prints TAP.

    BANYAN_BUILD=build tools/e2e_rootzone.py
"""
import lzma
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

try:
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rdatatype
    import dns.zone
except ImportError:
    print("1..0 # SKIP python3-dnspython is not installed")
    sys.exit(0)

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BANYAN_BUILD", os.path.join(HERE, "build"))
ROOTS = ["root-2020101902.signed", "root-2026082201.stripped"]
points = failed = 0


def point(ok, what, detail=""):
    global points, failed
    points += 1
    failed += not ok
    print("%s %d - %s" % ("ok" if ok else "not ok", points, what))
    for line in detail.splitlines()[:10]:
        print("# " + line)
    sys.stdout.flush()


def free_port():
    """A port below the range that outgoing connections take, free for UDP and TCP."""
    for port in random.sample(range(20000, 30000), 50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as t:
            try:
                u.bind(("127.0.0.1", port))
                t.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def start(zone_path):
    port = free_port()
    p = subprocess.Popen([os.path.join(BUILD, "banyand"), "--listen", "127.0.0.1@%d" % port, "--zone", ".=" + zone_path],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for _ in range(300):
        try:
            q = dns.message.make_query(".", "SOA")
            if dns.query.udp(q, "127.0.0.1", port=port, timeout=0.2).answer:
                return p, port
        except OSError:
            pass
        except dns.exception.Timeout:
            pass
        if p.poll() is not None:
            print("# " + p.stderr.read().decode(errors="replace"))
            break
        time.sleep(0.05)
    p.kill()
    return None, 0


def wires(rdataset, rdclass=1):
    return sorted(r.to_wire() for r in rdataset)


def stand(name, cuts):
    """'auth', 'cut' (name is a cut), 'below' (below one)."""
    n = name
    if n in cuts:
        return "cut"
    while n != dns.name.root:
        n = n.parent()
        if n in cuts:
            return "below"
    return "auth"


def check_rrset(sock, name, rds, cuts):
    """None if the RRset comes back, else what is wrong."""
    where = stand(name, cuts)
    rdtype = rds.rdtype
    if rdtype == dns.rdatatype.RRSIG or rdtype == dns.rdatatype.NSEC and where == "cut":
        return None  # RRSIGs are asked for one by one with DO; an NSEC at a cut is a proof only
    q = dns.message.make_query(name, rdtype if where != "below" else dns.rdatatype.NS, use_edns=0, payload=1232)
    dns.query.send_tcp(sock, q)
    r, _ = dns.query.receive_tcp(sock)
    if not q.is_response(r):
        return "no response to the question"
    if where == "below":
        sets = [s for s in r.additional if s.name == name and s.rdtype == rdtype]
        if not sets and not any(name in [x.target for s in r.authority if s.rdtype == dns.rdatatype.NS for x in s]
                                for _ in [0]):
            return None  # address that no NS of the cut names
    elif where == "cut" and rdtype == dns.rdatatype.NS:
        sets = [s for s in r.authority if s.name == name and s.rdtype == rdtype]
        if r.flags & dns.flags.AA:
            return "a referral with AA"
    else:
        sets = [s for s in r.answer if s.name == name and s.rdtype == rdtype]
        if not r.flags & dns.flags.AA:
            return "an answer without AA"
    if len(sets) != 1:
        return "%d RRsets instead of one" % len(sets)
    if wires(sets[0]) != wires(rds):
        return "RDATA differ"
    if sets[0].ttl != rds.ttl:
        return "TTL %d instead of %d" % (sets[0].ttl, rds.ttl)
    return None


def run(root, tmp):
    path = os.path.join(tmp, root + ".zone")
    with lzma.open(os.path.join(HERE, "vectors/root", root + ".zone.xz")) as f, open(path, "wb") as out:
        out.write(f.read())
    z = dns.zone.from_file(path, origin=".", relativize=False)
    p, port = start(path)
    point(p is not None, "%s: banyand serves it" % root)
    if p is None:
        return
    try:
        cuts = {n for n, node in z.items() if n != dns.name.root and node.get_rdataset(1, dns.rdatatype.NS)}
        bad, count = [], 0
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            for name, node in z.items():
                for rds in node:
                    count += 1
                    why = check_rrset(sock, name, rds, cuts)
                    if why:
                        bad.append("%s %s: %s" % (name, dns.rdatatype.to_text(rds.rdtype), why))
            point(not bad and count > 5000, "%s: all of %d RRsets come back" % (root, count), "\n".join(bad))
            miss = []
            r = random.Random(1)
            for _ in range(500):
                name = dns.name.from_text("".join(r.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=12)))
                q = dns.message.make_query(name, "A")
                dns.query.send_tcp(sock, q)
                a, _ = dns.query.receive_tcp(sock)
                if a.rcode() != 3 or len(a.authority) != 1 or a.authority[0].rdtype != dns.rdatatype.SOA:
                    miss.append(str(name))
            point(not miss, "%s: 500 names that do not exist" % root, "\n".join(miss))
    finally:
        p.send_signal(signal.SIGTERM)
        point(p.wait(20) == 0, "%s: ends with status 0" % root)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        for root in ROOTS:
            run(root, tmp)
    print("1..%d" % points)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
