/* DNS error reporting (RFC 9567): tells the operator of a zone, by a question to the agent that its
 * servers named, that an answer of theirs failed. Off by default: a report says what somebody here
 * asked for.
 *
 * Guarded (section 6): a report is a question like any other, paid from a budget of its own; none
 * is made for the failure of a report, none for names of the agent itself, and not more than
 * LIMIT_REPORTS_S a second; the answer is kept, so that a report is not repeated while it lives. */
#include "resolver/machine.h"

#include <stdio.h>

void report_agent(struct lookup *l, const struct msg *m)
{
    struct job *j = l->job;
    if (LIKELY(!m->edns.present || m->edns.report_labels == 0) || j->is_report)
        return;
    name_copy(j->agent.w, m->edns.report_agent.w);
    j->has_agent = true;
}

/* "_er.1.broken.test.7._er.agent." (section 6.1.1); false if that is too long. */
static bool report_name(const struct lookup *l, unsigned ede, struct name *ret)
{
    char label[16];
    struct writer w = wr_of(ret->w, sizeof ret->w);
    size_t qname = name_len(l->name.w) - 1;
    wr_bytes(&w, "\3_er", 4);
    int n = snprintf(label, sizeof label, "%u", l->type);
    wr_u8(&w, (uint8_t)n);
    wr_bytes(&w, label, (size_t)n);
    wr_bytes(&w, l->name.w, qname);
    n = snprintf(label, sizeof label, "%u", ede);
    wr_u8(&w, (uint8_t)n);
    wr_bytes(&w, label, (size_t)n);
    wr_bytes(&w, "\3_er", 4);
    wr_bytes(&w, l->job->agent.w, name_len(l->job->agent.w));
    return wr_ok(&w) && wr_len(&w) <= LIMIT_NAME;
}

static bool may_report(struct resolver *r, struct now now)
{
    if (r->report_s != now.mono_us / 1000000) {
        r->report_s = now.mono_us / 1000000;
        r->reports = 0;
    }
    return r->reports++ < LIMIT_REPORTS_S;
}

void report_failure(struct resolver *r, struct lookup *l, struct now now)
{
    struct job *j = l->job;
    struct name name;
    int ede = reason_ede((enum reason)j->culprit.why);
    if (!r->opt->error_reporting || !j->has_agent || l->depth > 0 || l->was_bad || ede < 0 ||
        j->cold || name_is_root(j->agent.w) || name_in(l->name.w, j->agent.w) ||
        !report_name(l, (unsigned)ede, &name) || !may_report(r, now))
        return;
    struct job *own = job_new(r, now, NULL);
    if (own == NULL)
        return;
    own->is_report = true;
    /* Nobody waits for it; one on its way already is enough. */
    if (lookup_find(r, own, name.w, RR_TXT, 0) != NULL ||
        lookup_get(r, own, name.w, RR_TXT, 0, NULL, now) == NULL) {
        job_drop(own);
        return;
    }
    r->count.reports++;
    struct trace_detail d = {.name = name.w, .type = RR_TXT};
    note(l, now, WHY_REPORTED, &d);
}
