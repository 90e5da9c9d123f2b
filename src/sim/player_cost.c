/* What an attacker's question cost, in numbers that come out the same each time: docs/attacks.md is
 * compared with them. */
#include "sim/player_state.h"

#include <string.h>

/* The item of the budget that ran out, or what else the trace says went wrong. */
static void limit_words(const struct player *p, struct text *t)
{
    unsigned n = 0;
    if (!p->traced)
        return;
    if (p->spent.exhausted > 0) {
        enum budget_item item = (enum budget_item)(p->spent.exhausted - 1);
        text_fmt(t, "`budget-spent`: %s (%u)", budget_words(item), budget_limit(item));
        n++;
    }
    for (unsigned i = 0; i < WHY_COUNT; i++)
        if (p->reason[i] && reason_kind((enum reason)i) == REASON_PROBLEM &&
            (i != WHY_BUDGET_SPENT || p->spent.exhausted == 0))
            text_fmt(t, "%s`%s`", n++ > 0 ? ", " : "", reason_word((enum reason)i));
}

void player_cost(struct player *p, const struct step *s)
{
    struct text *t = p->sc->costs;
    const char *file = strrchr(p->file, '/');
    file = file != NULL ? file + 1 : p->file;
    /* Nothing may put back what was spent (CVE-2026-50045). */
    if (p->traced && p->spent.spent[BUDGET_PACKETS] != p->sent)
        player_differs(p, s, "%u packets were sent, but the budget says %u", p->sent,
                       p->spent.spent[BUDGET_PACKETS]);
    if (t == NULL)
        return;
    text_fmt(t, "| %s | [%.*s](../scenarios/%s) | %u | %u | %u | %zu | ", s->part,
             (int)MAX(strlen(file), 4u) - 4, file, file, p->questions, p->sent, p->sent_tcp,
             p->received);
    if (p->traced)
        text_fmt(t, "%u | %u | %u | ", p->spent.spent[BUDGET_SUBQUERIES],
                 p->spent.spent[BUDGET_SIGNATURES], p->spent.spent[BUDGET_HASHES]);
    else
        text_str(t, "| | | ");
    text_fmt(t, "%llu | ", (unsigned long long)(p->took_us / 1000));
    limit_words(p, t);
    text_str(t, " |\n");
}
