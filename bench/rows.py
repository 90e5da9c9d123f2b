"""The rows: what is asked, of whom, and what Banyan aims at."""
from dataclasses import dataclass, field

AUTH = ["echo", "banyan", "gdnsd", "nsd", "knot", "yadifa"]
ALL_AUTH = AUTH + ["pdns", "bind"]  # these take twice the best one's time and more: not in every row, but for --all
UNSIGNED = {"gdnsd"}  # no DNSSEC
RESOLVERS = ["banyan", "unbound", "kresd"]
ALL_RESOLVERS = RESOLVERS + ["recursor", "bind"]


@dataclass
class Row:
    kind: str  # a function of kinds.py
    data: str  # a set of data.py
    servers: list
    title: str
    queries: str = "queries"
    options: list = field(default_factory=list)  # of bench/load
    aim: tuple = ()  # ("own" or "total", microseconds)
    name: str = ""

    def everyone(self):
        """All servers there are that can do this row's work."""
        names = [n for n in (ALL_RESOLVERS if self.data == "world" else ALL_AUTH) if not (self.data.endswith("-signed") and n in UNSIGNED)]
        return (["echo"] if self.servers[0] == "echo" and "echo" not in names else []) + [n for n in names if n != "echo" or self.servers[0] == "echo"]


ROWS = {
    "small": Row("ask", "small", ALL_AUTH, "a zone of 1,000 names: hosts, mail, aliases, wildcards, delegations"),
    "small-edns": Row("ask", "small", AUTH, "the same questions with EDNS", "queries-edns"),
    "small-cookie": Row("ask", "small", AUTH, "the same with EDNS and a client's cookie", "queries-cookie"),
    "clients": Row("ask", "small", AUTH, "the questions of `small` from 128 sockets, one in flight each", options=["--sockets", "128"]),
    "tcp": Row("ask", "small", AUTH[1:], "over TCP: 8 connections with 16 questions each in flight", options=["--tcp"]),
    "tcp-clients": Row("ask", "small", AUTH[1:], "over TCP: 100 connections, one question in flight each",
                       options=["--tcp", "--connections", "100", "--window", "1"]),
    "tcp-connect": Row("ask", "small", AUTH[1:], "over TCP, a connection for every question, 128 at a time", options=["--tcp-connect"]),
    "latency": Row("latency", "small", ["banyan", "gdnsd", "nsd", "knot"], "how long answers take at half of the load, and what is left at twice of it"),
    "root": Row("ask", "root", AUTH, "1,500 delegations with glue and DS; a third of the names is not there"),
    "root-signed": Row("ask", "root-signed", [n for n in ALL_AUTH if n not in UNSIGNED], "the same signed (NSEC), asked with DO", aim=("own", 0.7)),
    "deep-names": Row("ask", "shapes", AUTH, "names of 8 to 26 labels, half of them not there", "queries-deep"),
    "wildcards": Row("ask", "shapes", AUTH, "2,000 wildcards, at depths of one to six", "queries-wild"),
    "txt": Row("ask", "shapes", AUTH, "TXT sets of 200 to 1,600 bytes; some do not fit", "queries-txt"),
    "flood": Row("ask", "shapes", AUTH, "names made up at random, none of them there", "queries-flood"),
    "zones": Row("ask", "zones", ["echo", "banyan", "gdnsd", "nsd", "knot"], "100,000 small zones"),
    "tld": Row("ask", "tld", AUTH, "a million delegations, a fifth of the questions for names that are not there", aim=("own", 0.45)),
    "tld-signed": Row("ask", "tld-signed", [n for n in AUTH if n not in UNSIGNED], "the same signed (NSEC3 opt-out), asked with DO", aim=("own", 0.7)),
    "hits": Row("hits", "world", ["echo"] + ALL_RESOLVERS, "a resolver asked for 10,000 names that are in its cache"),
    "latency-hits": Row("latency_hits", "world", ["banyan", "unbound", "kresd"], "the row latency for a resolver's hits"),
    "zipf": Row("cold", "world", RESOLVERS, "100,000 questions for 66,666 names, popular ones often; the cache empty at first", "zipf", aim=("total", 10)),
    "miss": Row("cold", "world", RESOLVERS, "20,000 names of 2,000 zones once each, the cache empty at first", "miss", aim=("total", 26)),
    "deep": Row("cold", "world", RESOLVERS, "10,000 zones, one name of each, the cache empty at first", "deep", aim=("total", 48)),
    "load": Row("load", "tld", AUTH[1:], "from exec to the first answer: a million delegations, one processor; memory then"),
    "load-signed": Row("load", "tld-signed", ["banyan", "nsd", "knot", "yadifa"], "the same signed (NSEC3 opt-out)"),
    "reload": Row("reload", "tld", ["banyan", "gdnsd", "nsd", "knot"], "a changed TLD zone is loaded while questions come at 30 % of the most: how long answers take meanwhile"),
    "memory": Row("memory", "world", ["banyan", "unbound", "bind"], "a resolver with 200,000 names in its cache"),
}
AIMS = {("load", "s"): 0.8, ("load-signed", "s"): 1.5, ("load", "MiB"): 110, ("load-signed", "MiB"): 140, ("load", "MiB at most"): 260,
        ("load-signed", "MiB at most"): 320, ("memory", "MiB"): 60}

QUICK = {"small": ["echo", "banyan", "gdnsd", "nsd", "knot"], "root-signed": ["echo", "banyan", "nsd", "knot"],
         "tld": ["echo", "banyan", "gdnsd", "nsd"], "hits": ["echo", "banyan", "unbound", "recursor"], "miss": ["banyan", "kresd"]}
