"""How each server is started for a row: the same work, one thread, nothing logged, nothing limited.

A function takes (folder to work in, port, row's data) and returns the command."""
import os


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def echo(b, work, port, row, data):
    return [b.tools + "/echo", str(port)]


def nsd(b, work, port, row, data):
    zones = "".join('zone:\n name: "%s"\n zonefile: "%s"\n' % z for z in b.zones(row, data))
    conf = write(work + "/nsd.conf", """
server:
 server-count: 1
 ip-address: 127.0.0.1@%d
 username: ""
 database: ""
 zonesdir: "%s"
 pidfile: "%s/pid"
 xfrdfile: "%s/xfrd"
 zonelistfile: "%s/list"
 logfile: "%s/log"
 verbosity: 0
 rrl-ratelimit: 0
 minimal-responses: yes
 zonefiles-check: no
remote-control:
 control-enable: no
%s""" % (port, work, work, work, work, work, zones))
    return ["nsd", "-d", "-c", conf]


def knot(b, work, port, row, data):
    zones = "".join('  - domain: "%s"\n    file: "%s"\n' % z for z in b.zones(row, data))
    os.makedirs(work + "/db", exist_ok=True)
    conf = write(work + "/knot.conf", """
server:
    rundir: "%s"
    listen: 127.0.0.1@%d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
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
%s""" % (work, port, work, zones))
    return ["knotd", "-c", conf]


def bind(b, work, port, row, data):
    zones = "".join('zone "%s" { type primary; file "%s"; check-integrity no; };\n' % z for z in b.zones(row, data))
    conf = write(work + "/named.conf", """
options {
 directory "%s"; pid-file none; session-keyfile none; lock-file none;
 listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
 recursion no; minimal-responses yes; querylog no; notify no; dnssec-validation no;
 empty-zones-enable no; zone-statistics none; check-names primary ignore; max-cache-size 16M;
};
controls {};
logging { category default { null; }; };
%s""" % (work, port, zones))
    return ["named", "-f", "-n", "1", "-U", "1", "-c", conf]


def unbound(b, work, port, row, data):
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
 root-hints: "%s/hints"
 access-control: 127.0.0.0/8 allow
 msg-cache-size: 128m
 rrset-cache-size: 256m
 msg-cache-slabs: 1
 rrset-cache-slabs: 1
 infra-cache-slabs: 1
 key-cache-slabs: 1
 outgoing-range: 8192
 num-queries-per-thread: 4096
 so-rcvbuf: 4m
 so-sndbuf: 4m
 minimal-responses: yes
remote-control:
 control-enable: no
""" % (port, work, data))
    return ["unbound", "-d", "-p", "-c", conf]


def banyan(b, work, port, row, data):
    if row == "hits":
        conf = write(work + "/banyan.conf", """
server:
  listen: [127.0.0.1@%d]
  workers: 1
control:
  socket: ""
resolver:
  enabled: yes
  root-hints: %s/hints
  query-loopback: yes
  ipv6: no
  cache-size: 256M
""" % (port, data))
        return [b.banyand, "--config", conf]
    zones = [w for name, path in b.zones(row, data) for w in ("--zone", name + "=" + path)]
    return [b.banyand, "--listen", "127.0.0.1@%d" % port, "--workers", "1", "--control", ""] + zones


def hierarchy(b, work, data):
    """The three servers below the resolvers, the same for every resolver: (address, command)."""
    out = []
    for part, address in (("root", "127.53.1.1"), ("tlds", "127.53.2.1"), ("leaves", "127.53.3.1")):
        zones = sorted(os.listdir(data + "/" + part))
        listed = "".join("  - {name: '%s', file: %s/%s/%s}\n" % ("." if z == "root.zone" else z[:-5], data, part, z)
                         for z in zones)
        conf = write(work + "/%s.conf" % part, "server:\n  listen: [%s@53]\n  workers: 1\ncontrol:\n  socket: \"\"\n"
                     "zones:\n%s" % (address, listed))
        out.append((address, [b.banyand, "--config", conf]))
    return out


SERVERS = {"echo": echo, "banyan": banyan, "nsd": nsd, "knot": knot, "bind": bind, "unbound": unbound}
