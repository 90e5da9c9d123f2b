"""The servers that resolvers are measured above: NSD, which is not among the compared there, one process for each level."""
import os
import re
import subprocess

import measure
import servers


class Authority:
    """A context: folder/LEVEL/NAME.zone is served at the level's addresses. Processes answer only for their own zones."""

    def __init__(self, bench, work, folder, levels):
        self.up, self.confs = [], []
        for part, addresses in levels.items():
            here = "%s/%s" % (work, part)
            os.makedirs(here)
            names = [(z[:-5] if z != "root.zone" else "", z) for z in sorted(os.listdir(folder + "/" + part)) if z.endswith(".zone")]
            zones = [(n + ".", "%s/%s/%s" % (folder, part, z)) for n, z in names]
            self.confs.append(servers.nsd_conf(here, [a + "@53" for a in addresses], zones, here + "/ctl"))
            self.up.append(measure.Server(["nsd", "-d", "-c", self.confs[-1]], bench.below_cpu, here + "/log"))
            if self.up[-1].ready(addresses[0], 53, names[-1][0] or ".", limit=30) is None:
                self.__exit__()
                raise SystemExit("bench: NSD at %s does not start: see %s" % (addresses[0], here))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for s in self.up:
            s.stop()

    def asked(self):
        """{type: questions so far}, over all levels."""
        out = {}
        for conf in self.confs:
            text = subprocess.run(["nsd-control", "-c", conf, "stats_noreset"], check=True, capture_output=True, text=True).stdout
            for what, n in re.findall(r"^num\.type\.(\S+)=(\d+)$", text, re.M):
                out[what] = out.get(what, 0) + int(n)
            out["all"] = out.get("all", 0) + int(re.search(r"^num\.queries=(\d+)$", text, re.M)[1])
        return out
