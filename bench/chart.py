"""A chart of what was found, as SVG: every server of every row at its ratio to the best peer, on a logarithmic scale."""
import math
from xml.sax.saxutils import escape

from servers import NAMES

COLORS = {"banyan": "#0b6e3b", "gdnsd": "#c0392b", "nsd": "#2c6fbb", "knot": "#8e44ad", "yadifa": "#b7791f", "pdns": "#0e8f9c", "bind": "#7f8c8d",
          "unbound": "#d35400", "kresd": "#5b3fa0", "recursor": "#138d75", "echo": "#bbbbbb"}
LEFT, WIDTH, LINE, TOP = 260, 560, 22, 84
LOW, HIGH = 0.125, 8.0


def place(ratio):
    x = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + x * WIDTH


def label(found):
    return "%s%s" % (found["row"], "" if found["unit"] == "us" else ", " + found["unit"].replace("us ", "µs "))


def legend(names):
    out, x, y = [], LEFT, 40
    for n in names:
        if x > LEFT + WIDTH - 60:
            x, y = LEFT, y + 16
        out.append('<circle cx="%d" cy="%d" r="4" fill="%s"/><text x="%d" y="%d">%s</text>' % (x, y - 4, COLORS[n], x + 8, y, escape(NAMES[n])))
        x += 24 + 7 * len(NAMES[n])
    return out


def draw(all_found, about):
    rows = [f for f in all_found if f["judged"] and f["best"] and "banyan" in f["servers"]]
    height = TOP + LINE * len(rows) + 44
    names = [n for n in COLORS if any(n in f["servers"] for f in rows)]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#222">' % (LEFT + WIDTH + 40, height),
           '<title>Banyan and its peers</title>', '<rect width="100%" height="100%" fill="#fff"/>',
           '<text x="%d" y="18" font-size="14" font-weight="bold">What it takes, by what the best peer takes (left is better)</text>' % LEFT]
    out += legend(names)
    for tick in (0.125, 0.25, 0.5, 1, 2, 4, 8):
        x = place(tick)
        out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/>' % (x, x, TOP - 8, height - 36, "#555" if tick == 1 else "#ddd"))
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%g</text>' % (x, height - 20, tick))
    for i, f in enumerate(rows):
        y = TOP + LINE * i + LINE / 2
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (LEFT - 14, y + 4, escape(label(f))))
        if f["ratio"]:
            low, high = (f["ratio"][1], f["ratio"][2]) if f["less"] else (1 / max(f["ratio"][2], 0.01), 1 / max(f["ratio"][1], 0.01))
            out.append('<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="3" opacity="0.45"/>' % (
                place(low), place(high), y, y, COLORS["banyan"]))
        for n in reversed(names):  # Banyan on top
            ratio = f["servers"].get(n, {}).get("ratio")
            if ratio:
                ratio = ratio if f["less"] else 1 / ratio
                tip = "%s, %s: %.2f" % (NAMES[n], label(f), ratio)
                out.append('<circle cx="%.1f" cy="%.1f" r="%d" fill="%s"%s><title>%s</title></circle>' % (
                    place(ratio), y, 6 if n == "banyan" else 4, COLORS[n], ' stroke="#fff"' if n == "banyan" else "", escape(tip)))
    out.append('<text x="%d" y="%d" fill="#777">%s</text></svg>' % (LEFT, height - 4, escape(about.get("machine", ""))))
    return "\n".join(out) + "\n"
