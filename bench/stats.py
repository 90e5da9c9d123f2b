"""From runs to a verdict.

Runs of a round are beside each other in time, so the ratio of two servers is taken round by round, and the median of these
ratios is given with an interval that holds the true median with 95 % and more, whatever the distribution: by the sign test,
the k-th smallest and k-th largest of n values. Fewer than six rounds cannot give 95 %."""


def median(values):
    v = sorted(values)
    return (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2


def interval(values):
    """(median, low, high): at least 95 % that the true median lies between, from the order of the values alone."""
    v = sorted(values)
    n, below, k = len(v), 0.5 ** len(v), 0
    chance = below
    while k < n // 2 and chance <= 0.025:  # the k-th smallest and k-th largest
        k += 1
        below = below * (n - k + 1) / k
        chance += below
    k = max(k - 1, 0)
    return median(v), v[k], v[n - 1 - k]


def confidence(n):
    """How sure the interval of n values is."""
    low, k, chance, below = 0.5 ** n, 0, 0.5 ** n, 0.5 ** n
    while k < n // 2 and chance <= 0.025:
        k += 1
        below = below * (n - k + 1) / k
        low, chance = chance, chance + below
    return 1 - 2 * low


class Compared:
    """The values of a row, {server: [one for each round]}: who is best, and where Banyan stands. Less is better, or more is. A peer that is unfit
    (it did other work) cannot be the best one."""

    def __init__(self, values, less=True, unfit=()):
        self.values, self.less = {k: v for k, v in values.items() if v}, less
        peers = [k for k in self.values if k not in ("echo", "banyan", *unfit)]
        order = sorted(peers, key=lambda k: median(self.values[k]))
        self.best = (order[0] if less else order[-1]) if order else None
        self.ratios = self.verdict = None
        if self.best and "banyan" in self.values:
            pairs = [a / b for a, b in zip(self.values["banyan"], self.values[self.best]) if b]
            self.ratios = interval(pairs) if pairs else None
            self.rounds = len(pairs)
        if self.ratios:
            _, low, high = self.ratios if less else (0, 1 / max(self.ratios[2], 1e-9), 1 / max(self.ratios[1], 1e-9))
            self.verdict = "ahead" if high < 1 else "behind" if low > 1 else "equal"

    def ratio(self, name):
        """A server's median ratio to the best peer, of runs beside each other."""
        pairs = [a / b for a, b in zip(self.values.get(name, []), self.values.get(self.best, [])) if b]
        return median(pairs) if pairs else None

    def words(self):
        if not self.verdict:
            return "no peer to compare with"
        sure = "" if self.rounds >= 6 else ", %d round%s only" % (self.rounds, "s" if self.rounds > 1 else "")
        return "%.3f of %s (%.3f to %.3f%s): %s" % (self.ratios[0], self.best, self.ratios[1], self.ratios[2], sure, self.verdict.upper())
