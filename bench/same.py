"""Was the work the same? A sample of a row's questions is asked of every server, and what the answers say is compared.

Compared are the code, the AA bit, the answer section and, where that is empty, the names of authority's sets; not the order,
compression, EDNS, nor additional records, which servers may add or leave out."""
import socket
import struct

import data

NAMES_AT = {2: 0, 5: 0, 12: 0, 39: 0, 15: 2}  # type: where the name in its RDATA begins
SAMPLE = 100


def name(p, at):
    """(labels in lower case, where the next thing begins)"""
    out, end, jumps = [], None, 0
    while p[at]:
        if p[at] >= 192:
            end = end or at + 2
            at = (p[at] & 63) << 8 | p[at + 1]
            jumps += 1
            if jumps > 100:
                raise ValueError("pointers")
            continue
        out.append(p[at + 1:at + 1 + p[at]].lower())
        at += 1 + p[at]
    return tuple(out), end or at + 1


def rdata(p, rrtype, at, n):
    if rrtype in NAMES_AT:
        head = at + NAMES_AT[rrtype]
        return bytes(p[at:head]), name(p, head)[0]
    if rrtype == 6:
        mname, at2 = name(p, at)
        return mname, name(p, at2)[0]
    return bytes(p[at:at + n])


def meaning(p):
    """What an answer says, to be compared; None if it cannot be read."""
    try:
        counts, at, out = struct.unpack(">HHHH", p[4:12]), 12, []
        for _ in range(counts[0]):
            at = name(p, at)[1] + 4
        for section in (1, 2):
            records = set()
            for _ in range(counts[section]):
                owner, at = name(p, at)
                rrtype, _, _, n = struct.unpack(">HHIH", p[at:at + 10])
                records.add((owner, rrtype, rdata(p, rrtype, at + 10, n) if rrtype != 46 else b""))
                at += 10 + n
            out.append(records)
        truncated = bool(p[2] & 2)
        authority = set() if out[0] or truncated else {(o, t) for o, t, _ in out[1] if t in (2, 6)}
        return p[3] & 15, bool(p[2] & 4), truncated, frozenset() if truncated else frozenset(out[0]), frozenset(authority)
    except (IndexError, struct.error, ValueError):
        return None


def sample(port, queries):
    """[meaning] of SAMPLE questions spread over the file; None for one without an answer."""
    asked = data.read_queries(queries)
    asked = asked[::max(len(asked) // SAMPLE, 1)][:SAMPLE]
    out = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect(("127.0.0.1", port))
        for q in asked:
            try:
                s.send(q)
                out.append(meaning(s.recv(4096)))
            except OSError:
                out.append(None)
    return out


def alike(a, b):
    """The share of answers that say the same."""
    return sum(x == y and x is not None for x, y in zip(a, b)) / max(len(a), 1)
