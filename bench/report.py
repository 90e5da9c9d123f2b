"""What was found, as tables, as JSON and as the lines of the manual."""
import json

import stats
from rows import AIMS, ROWS
from servers import NAMES


def number(x):
    return "%.0f" % x if abs(x) >= 100 else "%.1f" % x if abs(x) >= 10 else "%.2f" % x


def measure_of(row, unit, values, less=True, judged=True, aim=None, extra=None, title=None, unfit=()):
    """One thing that was measured: a row of the summary, and of the JSON file."""
    c = stats.Compared(values, less, unfit)
    out = {"row": row.name, "unit": unit, "title": title or row.title, "less": less, "judged": judged, "best": c.best, "verdict": c.verdict if judged else None,
           "ratio": c.ratios, "words": c.words(), "servers": {}}
    for n, v in c.values.items():
        out["servers"][n] = {"median": stats.median(v), "least": min(v), "most": max(v), "ratio": c.ratio(n), "values": v, **(extra or {}).get(n, {})}
    aim = aim if aim is not None else AIMS.get((row.name, unit))
    mine = out["servers"].get("banyan")
    if aim is not None and mine:
        out["aim"], out["met"] = aim, mine["median"] <= aim
    return out


def cost_of(row, runs, alike):
    """The row's time an answer, with what else the runs tell."""
    values = {n: [x["cpu_ns"] / 1000 for x in v] for n, v in runs.items() if v}
    extra = {}
    for n, v in runs.items():
        if not v:
            continue
        med = {k: stats.median([x.get(k, 0) for x in v]) for k in ("rate", "p50_us", "p99_us", "p999_us", "mean_bytes", "upstream", "foreign")}
        answered = max(sum(x["answered"] for x in v), 1)
        med["noerror"] = sum(x["rcodes"].get("0", 0) for x in v) / answered
        med["nxdomain"] = sum(x["rcodes"].get("3", 0) for x in v) / answered
        med["lost"] = sum(x["lost"] for x in v)
        med["lost_share"] = med["lost"] / max(sum(x["sent"] for x in v), 1)
        med["alike"] = alike.get(n)
        med["own"] = stats.median([a["cpu_ns"] / 1000 - b["cpu_ns"] / 1000 for a, b in zip(v, runs["echo"])]) if runs.get("echo") else None
        extra[n] = med
    mine = extra.get("banyan")
    unfit = [n for n, s in extra.items() if s["lost_share"] > 0.01 or (mine and abs(s["noerror"] - mine["noerror"]) > 0.02)]
    out = measure_of(row, "us", values, extra=extra, unfit=unfit)
    if row.aim and "banyan" in out["servers"]:
        mine = out["servers"]["banyan"]["own" if row.aim[0] == "own" else "median"]
        if mine is not None:
            out["aim"], out["aim_of"], out["met"] = row.aim[1], row.aim[0], mine <= row.aim[1]
    out["differs"] = differs(out["servers"])
    return out


def differs(found):
    """The servers whose work was not the same as Banyan's, and why."""
    mine, out = found.get("banyan"), []
    for n, s in found.items():
        if mine is None or n == "echo":
            continue
        if s["lost_share"] > 0.001:
            out.append("%s lost %.2f %% of its answers" % (n, 100 * s["lost_share"]))
        if n == "banyan":
            continue
        if abs(s["noerror"] - mine["noerror"]) > 0.01:
            out.append("%s: %.1f %% NOERROR, Banyan %.1f %%" % (n, 100 * s["noerror"], 100 * mine["noerror"]))
        if s["alike"] is not None and s["alike"] < 0.98:
            out.append("%s: %.0f %% of a sample say what Banyan says" % (n, 100 * s["alike"]))
        if abs(s["mean_bytes"] - mine["mean_bytes"]) > 0.15 * mine["mean_bytes"]:
            out.append("%s: %.0f bytes an answer, Banyan %.0f" % (n, s["mean_bytes"], mine["mean_bytes"]))
    return out


def order(found):
    """Echo, then the servers from best to worst."""
    s = found["servers"]
    return sorted(s, key=lambda n: (n != "echo", s[n]["median"] if found["less"] else -s[n]["median"]))


def table(found, titled=True):
    """The lines of one measure; titled: with the row's name above."""
    cost = found["unit"] == "us" and any("own" in s for s in found["servers"].values())
    out = ["", "%s: %s" % (found["row"], found["title"])] if titled else []
    head = "  %-10s %9s %17s %6s" % (found["unit"][:10] if cost else "", "us/answer" if cost else "median", "(least-most)", "ratio")
    if cost:
        head = "  %-10s %9s %17s %6s %6s %9s %13s %6s %8s %6s %5s" % (
            "", "us/answer", "(least-most)", "ratio", "own", "answers/s", "p50/p99 us", "bytes", "NOERROR", "same", "lost")
        if any(s.get("upstream") for s in found["servers"].values()):
            head += " upstream"
    else:
        out.append("  " + found["unit"])
    out.append(head)
    for n in order(found):
        s = found["servers"][n]
        line = "  %-10s %9s %17s %6s" % (n, number(s["median"]), "(%s-%s)" % (number(s["least"]), number(s["most"])),
                                        "%.2f" % s["ratio"] if s["ratio"] else "-")
        if cost:
            line += " %6s %9.0f %13s %6.0f %7.1f%% %6s %5d" % (
                number(s["own"]) if s["own"] is not None else "-", s["rate"], "%.0f / %.0f" % (s["p50_us"], s["p99_us"]), s["mean_bytes"],
                100 * s["noerror"], "%.0f%%" % (100 * s["alike"]) if s["alike"] is not None else "-", s["lost"])
            line += " %8.3f" % s["upstream"] if s["upstream"] else ""
        out.append(line)
    if found["judged"]:
        out.append("  Banyan: %s%s" % (found["words"], aim_words(found)))
    out += ["  not the same work: " + d for d in found.get("differs", [])]
    return out


def aim_words(found):
    if "aim" not in found:
        return ""
    what = {"own": "own ", "total": ""}.get(found.get("aim_of"), "")
    return "; aim: %sat most %s: %s" % (what, found["aim"], "met" if found["met"] else "MISSED")


def tables(all_found):
    """The lines of many."""
    out, last = [], None
    for f in all_found:
        out += table(f, f["row"] != last)
        last = f["row"]
    return out


def summary(all_found):
    out = ["", "%-13s %-30s %9s %9s  %-9s %-22s %-7s %s" % ("row", "", "Banyan", "best peer", "", "ratio (95 %)", "", "aim")]
    for f in all_found:
        if not f["judged"] or "banyan" not in f["servers"]:
            continue
        s = f["servers"]
        best = s[f["best"]]["median"] if f["best"] else None
        aim = ("met" if f["met"] else "MISSED") + " (%s%s)" % ("own " if f.get("aim_of") == "own" else "", f["aim"]) if "aim" in f else ""
        out.append("%-13s %-30s %9s %9s  %-9s %-22s %-7s %s" % (
            f["row"], "us an answer" if f["unit"] == "us" else f["unit"], number(s["banyan"]["median"]), number(best) if best is not None else "-", f["best"] or "-",
            "%.3f (%.3f-%.3f)" % tuple(f["ratio"]) if f["ratio"] else "-", f["verdict"] or "", aim))
    return out


def markdown(all_found):
    """The table of the manual."""
    out = ["| row | Banyan | best peer | ratio (95 %) | |", "|---|---|---|---|---|"]
    for f in all_found:
        if f["judged"] and f["best"] and "banyan" in f["servers"]:
            s, unit = f["servers"], "µs an answer" if f["unit"] == "us" else f["unit"].replace("us ", "µs ")
            out.append("| %s, %s | %s | %s %s | %.3f (%.3f to %.3f) | %s |" % (
                f["row"], unit, number(s["banyan"]["median"]), NAMES[f["best"]], number(s[f["best"]]["median"]), *f["ratio"], f["verdict"]))
    return out


def manual(path, picture, all_found, about):
    """Puts the table and the chart into the manual, between its marks."""
    with open(path) as f:
        text = f.read()
    begin, end = text.index("<!-- bench:"), text.index("<!-- /bench -->")
    begin = text.index("\n", begin) + 1
    versions = ", ".join("%s %s" % (k, v.split(":")[-1].split("-")[0]) for k, v in about.get("versions", {}).items())
    lines = ["%s, %s. Debian's packages: %s." % (about["machine"], about["time"][:10], versions), "", "![Every server by the best peer](%s)" % picture, "", *markdown(all_found)]
    with open(path, "w") as f:
        f.write(text[:begin] + "\n".join(lines) + "\n" + text[end:])


def save(path, all_found, about):
    with open(path, "w") as f:
        json.dump({**about, "found": all_found}, f, indent=1)


def load(paths):
    """What several runs found; a later one's rows replace an earlier one's. In the order of the rows."""
    found, about = {}, {}
    for path in paths:
        with open(path) as f:
            got = json.load(f)
        rows = {x["row"] for x in got["found"]}
        found = {k: v for k, v in found.items() if k[0] not in rows}
        found.update({(x["row"], x["unit"]): x for x in got["found"]})
        about = {k: v for k, v in got.items() if k != "found"}
    return sorted(found.values(), key=lambda x: list(ROWS).index(x["row"]) if x["row"] in ROWS else 99), about
