"""How each server is started: the same work, one thread that answers, nothing logged, nothing limited, answers minimal.

An authoritative server's function takes (bench, folder to work in, port, job) and returns the command; job.zones is
[(origin, file)], job.signed tells whether they are. A resolver's takes (bench, folder, port, hints). What is set is set for
a reason: rate limits and statistics off (NSD's rrl-ratelimit is on by default), journals off (Knot DNS), minimal answers
(BIND), one thread for UDP, and enough TCP connections everywhere."""
import os
import shutil
import subprocess

TCP_CLIENTS = 1000


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def echo(b, work, port, job):
    return [b.tools + "/echo", str(port)]


def banyan(b, work, port, job):
    command = [b.banyand, "--listen", "127.0.0.1@%d" % port, "--workers", "1", "--control", ""]
    if len(job.zones) < 100:
        return command + [w for name, path in job.zones for w in ("--zone", name + "=" + path)]
    listed = "".join("  - {name: '%s', file: %s}\n" % z for z in job.zones)
    conf = write(work + "/banyan.conf", "server:\n  listen: [127.0.0.1@%d]\n  workers: 1\ncontrol:\n  socket: \"\"\nzones:\n%s" % (port, listed))
    return [b.banyand, "--config", conf]


NSD = """
server:
 server-count: 1
%s username: ""
 database: ""
 zonesdir: "%s"
 pidfile: "%s/pid"
 xfrdfile: "%s/xfrd"
 zonelistfile: "%s/list"
 logfile: "%s/nsd.log"
 verbosity: 0
 rrl-ratelimit: 0
 minimal-responses: yes
 zonefiles-check: %s
 tcp-count: %d
 tcp-query-count: 0
 answer-cookie: yes
remote-control:
%s%s"""


def nsd_conf(work, addresses, zones, control="", check=False):
    listen = "".join(" ip-address: %s\n" % a for a in addresses)
    listed = "".join('zone:\n name: "%s"\n zonefile: "%s"\n' % z for z in zones)
    control = " control-enable: yes\n control-interface: %s\n" % control if control else " control-enable: no\n"
    return write(work + "/nsd.conf", NSD % (listen, work, work, work, work, work, "yes" if check else "no", TCP_CLIENTS, control, listed))


def nsd(b, work, port, job):
    return ["nsd", "-d", "-c", nsd_conf(work, ["127.0.0.1@%d" % port], job.zones, check=job.reload)]


def knot(b, work, port, job):
    zones = "".join('  - domain: "%s"\n    file: "%s"\n' % z for z in job.zones)
    os.makedirs(work + "/db", exist_ok=True)
    conf = write(work + "/knot.conf", """
server:
    rundir: "%s"
    listen: 127.0.0.1@%d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-max-clients: %d
    dbus-event: none
log:
  - target: stderr
    any: error
database:
    storage: "%s/db"
template:
  - id: default
    semantic-checks: off
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
%s""" % (work, port, TCP_CLIENTS, work, zones))
    return ["knotd", "-c", conf]


BIND = """
options {
 directory "%s"; pid-file none; session-keyfile none; lock-file none;
 listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
 minimal-responses yes; querylog no; notify no; dnssec-validation no; tcp-clients %d;
 empty-zones-enable no; zone-statistics none; check-names primary ignore;
%s
};
controls {};
logging { category default { null; }; };
%s"""


def bind(b, work, port, job):
    zones = "".join('zone "%s" { type primary; file "%s"; check-integrity no; };\n' % z for z in job.zones)
    conf = write(work + "/named.conf", BIND % (work, port, TCP_CLIENTS, " recursion no; max-cache-size 16M;", zones))
    return ["named", "-f", "-n", "1", "-U", "1", "-c", conf]


def gdnsd(b, work, port, job):
    """No DNSSEC: its copy of a zone is without DS. It finds zones by the names of files."""
    os.makedirs(work + "/zones")
    for name, path in job.zones:
        to = work + "/zones/" + (name.rstrip(".") or "ROOT_ZONE")
        if len(job.zones) > 100:
            os.link(path, to)
            continue
        with open(path) as zone, open(to, "w") as out:
            out.writelines(line for line in zone if " DS " not in line)
    write(work + "/config", """
options => {
 listen => [ 127.0.0.1:%d ]
 udp_threads => 1
 tcp_threads => 1
 tcp_clients_per_thread => %d
 run_dir => %s/run
 state_dir => %s/state
 zones_strict_data => false
}
""" % (port, TCP_CLIENTS, work, work))
    return ["gdnsd", "-c", work, "start"]


def yadifa(b, work, port, job):
    zones = "".join("<zone>\n domain %s\n file %s\n type primary\n true-multiprimary off\n</zone>\n" % z for z in job.zones)
    conf = write(work + "/yadifad.conf", """
<main>
 daemon off
 uid 0
 gid 0
 listen 127.0.0.1
 port %d
 logpath "%s"
 datapath "%s"
 keyspath "%s"
 xfrpath "%s"
 pidfile "%s/pid"
 thread-count-by-address 1
 cpu-count-override 1
 network-model 1
 max-tcp-queries %d
 statistics off
</main>
<rrl>
 enabled false
</rrl>
<channels>
 stderr STDERR
</channels>
<loggers>
 system err stderr
 server err stderr
 database err stderr
</loggers>
%s""" % (port, work, work, work, work, work, min(TCP_CLIENTS, 512), zones))
    return ["yadifad", "-c", conf]


def pdns(b, work, port, job):
    write(work + "/named.conf", "".join('zone "%s" { type master; file "%s"; };\n' % z for z in job.zones))
    options = {"launch": "bind", "bind-config": work + "/named.conf", "bind-check-interval": 0, "local-address": "127.0.0.1", "local-port": port,
               "socket-dir": work, "receiver-threads": 1, "distributor-threads": 1, "retrieval-threads": 1, "reuseport": "yes",
               "cache-ttl": 60, "query-cache-ttl": 60, "negquery-cache-ttl": 60, "max-cache-entries": 2000000,
               "max-packet-cache-entries": 2000000, "zone-cache-refresh-interval": 0, "security-poll-suffix": "", "log-dns-queries": "no",
               "log-dns-details": "no", "loglevel": 3, "disable-syslog": "yes", "api": "no", "webserver": "no", "daemon": "no", "guardian": "no",
               "max-tcp-connections": TCP_CLIENTS, "max-tcp-connections-per-client": 0, "max-tcp-transactions-per-conn": 0}
    if job.signed:
        options["bind-dnssec-db"] = work + "/dnssec.db"
    write(work + "/pdns.conf", "".join("%s=%s\n" % o for o in options.items()))
    for args in [["create-bind-db", work + "/dnssec.db"], ["set-presigned", job.zones[0][0]]] if job.signed else []:
        subprocess.run(["pdnsutil", "--config-dir=" + work, *args], capture_output=True)
    if job.signed and job.nsec3:
        subprocess.run(["pdnsutil", "--config-dir=" + work, "set-nsec3", job.zones[0][0], "1 1 0 -"], capture_output=True)
    return ["pdns_server", "--config-dir=" + work]


# ---- resolvers -----------------------------------------------------------------------------------
def banyan_resolver(b, work, port, hints):
    conf = write(work + "/banyan.conf", """
server:
  listen: [127.0.0.1@%d]
  workers: 1
control:
  socket: ""
resolver:
  enabled: yes
  root-hints: %s
  validate: no
  prime: no
  query-loopback: yes
  special-zones: no
  ipv6: no
  cache-size: 512M
""" % (port, hints))
    return [b.banyand, "--config", conf]


def unbound(b, work, port, hints):
    conf = write(work + "/unbound.conf", """
server:
 interface: 127.0.0.1
 port: %d
 num-threads: 1
 username: ""
 chroot: ""
 directory: "%s"
 pidfile: ""
 use-syslog: no
 logfile: ""
 verbosity: 0
 do-daemonize: no
 do-ip6: no
 do-not-query-localhost: no
 module-config: "iterator"
 root-hints: "%s"
 access-control: 127.0.0.0/8 allow
 msg-cache-size: 256m
 rrset-cache-size: 512m
 msg-cache-slabs: 1
 rrset-cache-slabs: 1
 infra-cache-slabs: 1
 key-cache-slabs: 1
 outgoing-range: 8192
 num-queries-per-thread: 4096
 infra-cache-numhosts: 100000
 so-rcvbuf: 4m
 so-sndbuf: 4m
 minimal-responses: yes
remote-control:
 control-enable: no
""" % (port, work, hints))
    return ["unbound", "-d", "-p", "-c", conf]


def kresd(b, work, port, hints):
    conf = write(work + "/kresd.conf", """
net.ipv6 = false
net.listen('127.0.0.1', %d, {kind = 'dns'})
cache.open(1000 * MB, 'lmdb://%s/cache')
option('ALLOW_LOCAL', true)
modules.load('hints > iterate')
hints.root({['ns.root.'] = {'127.53.1.1'}})
trust_anchors.remove('.')
for _, m in ipairs({'ta_update', 'ta_signal_query', 'ta_sentinel', 'priming', 'detect_time_skew', 'detect_time_jump', 'watchdog'}) do
  pcall(modules.unload, m)
end
log_level('crit')
""" % (port, work))
    return ["kresd", "-n", "-c", conf, work]


def recursor(b, work, port, hints):
    options = {"local-address": "127.0.0.1", "local-port": port, "socket-dir": work, "config-dir": work, "hint-file": hints, "dont-query": "",
               "dnssec": "off", "threads": 1, "pdns-distributes-queries": "no", "reuseport": "yes", "query-local-address": "127.0.0.1",
               "max-cache-entries": 2000000, "max-packetcache-entries": 1000000, "max-mthreads": 4096, "quiet": "yes", "loglevel": 3,
               "log-common-errors": "no", "disable-syslog": "yes", "security-poll-suffix": "", "daemon": "no", "write-pid": "no",
               "webserver": "no", "statistics-interval": 0}
    write(work + "/recursor.conf", "".join("%s=%s\n" % o for o in options.items()))
    return ["pdns_recursor", "--config-dir=" + work]


def bind_resolver(b, work, port, hints):
    more = " recursion yes; allow-recursion { 127.0.0.0/8; }; recursive-clients 10000; max-cache-size 2G;\n" \
           " clients-per-query 0; fetches-per-server 0; fetches-per-zone 0;"
    zones = 'server ::/0 { bogus yes; };\nzone "." { type hint; file "%s"; };\n' % hints
    conf = write(work + "/named.conf", BIND % (work, port, TCP_CLIENTS, more, zones))
    return ["named", "-4", "-f", "-n", "1", "-U", "1", "-c", conf]


AUTH = {"echo": echo, "banyan": banyan, "gdnsd": gdnsd, "nsd": nsd, "knot": knot, "yadifa": yadifa, "pdns": pdns, "bind": bind}
RESOLVERS = {"echo": echo, "banyan": banyan_resolver, "unbound": unbound, "kresd": kresd, "recursor": recursor, "bind": bind_resolver}
PROGRAMS = {"gdnsd": "gdnsd", "nsd": "nsd", "knot": "knotd", "yadifa": "yadifad", "pdns": "pdns_server", "bind": "named",
            "unbound": "unbound", "kresd": "kresd", "recursor": "pdns_recursor"}
NAMES = {"banyan": "Banyan", "echo": "echo", "gdnsd": "gdnsd", "nsd": "NSD", "knot": "Knot DNS", "yadifa": "YADIFA", "pdns": "PowerDNS",
         "bind": "BIND", "unbound": "Unbound", "kresd": "Knot Resolver", "recursor": "PowerDNS Recursor"}


def installed(name):
    return name not in PROGRAMS or shutil.which(PROGRAMS[name]) is not None
