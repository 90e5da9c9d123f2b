/* A chain of trust for people: a line a link, the verdict, and who must act. */
#include "app/validate.h"

#include "base/when.h"
#include "dns/rr_type.h"
#include "dnssec/dnskey.h"
#include "resolver/machine.h"

#include <string.h>

#define BOLD  "\033[1m"
#define GREEN "\033[32m"
#define RED   "\033[31m"
#define AMBER "\033[33m"
#define RESET "\033[0m"

enum { NAME_COLUMN = 34, TAGS_SHOWN = 12 };

struct view {
    const struct validation *v;
    bool colour;
    size_t column; /* where a link's words begin */
    struct text *out;
};

static void paint(const struct view *w, const char *code)
{
    if (w->colour)
        text_str(w->out, code);
}

const char *validation_word(const struct validation *v)
{
    if (v->silent || v->trust == TRUST_LIMIT)
        return "undecided";
    return v->trust == TRUST_SECURE ? "secure" : v->trust == TRUST_INSECURE ? "insecure" : "bogus";
}

/* --- Pieces of words --- */

static void algorithm_text(uint8_t algorithm, struct text *out)
{
    const char *name = sec_algorithm_name(algorithm);
    if (name != NULL)
        text_str(out, name);
    else
        text_fmt(out, "algorithm %u", algorithm);
}

static void digest_text(uint8_t digest, struct text *out)
{
    const char *name = digest == DS_SHA1     ? "SHA-1"
                       : digest == DS_SHA256 ? "SHA-256"
                       : digest == DS_SHA384 ? "SHA-384"
                                             : NULL;
    if (name != NULL)
        text_str(out, name);
    else
        text_fmt(out, "digest %u", digest);
}

/* "26974 (ED25519, SHA-256), 1234 (...)" */
static void ds_text(const struct rrset *set, bool digests, struct text *out)
{
    struct rdata_iter it = rdata_iter(set);
    struct ds d;
    unsigned n = 0;
    for (struct bytes rd; n < TAGS_SHOWN && rdata_iter_next(&it, &rd);) {
        if (!ds_read(rd, &d))
            continue;
        text_fmt(out, "%s%u (", n++ > 0 ? ", " : "", d.tag);
        algorithm_text(d.algorithm, out);
        if (digests) {
            text_str(out, ", ");
            digest_text(d.digest_type, out);
        }
        text_char(out, ')');
    }
}

static void tags_text(const struct rrset *set, struct text *out)
{
    struct rdata_iter it = rdata_iter(set);
    unsigned n = 0;
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct dnskey k;
        struct ds d;
        bool key = set->type == RR_DNSKEY && dnskey_read(rd, &k);
        if (!key && (set->type != RR_DS || !ds_read(rd, &d)))
            continue;
        if (n == TAGS_SHOWN) {
            text_str(out, " ..");
            return;
        }
        text_fmt(out, "%s%u", n++ > 0 ? ", " : "", key ? k.tag : d.tag);
        if (key && (k.flags & DNSKEY_REVOKE))
            text_str(out, " (revoked)");
    }
}

static void left_text(const struct trust_result *by, struct now now, struct text *out)
{
    int32_t left = (int32_t)(by->expiration - (uint32_t)now.wall_s);
    text_str(out, " for ");
    when_length(left > 0 ? (uint64_t)left : 0, out);
}

/* "signed by org. key 43704 (ED25519) for 29 d 22 h" */
static void by_text(const struct view *w, const struct trust_result *by, const uint8_t *zone)
{
    text_str(w->out, "signed by ");
    name_text(zone, w->out);
    text_fmt(w->out, " key %u (", by->tag);
    algorithm_text(by->algorithm, w->out);
    text_char(w->out, ')');
    left_text(by, w->v->now, w->out);
}

/* --- Links --- */

static void zone_link(const struct view *w, const struct chain_link *l)
{
    struct text *out = w->out;
    text_str(out, l->kind == LINK_ANCHOR ? "anchor " : "DS ");
    ds_text(&l->ds, l->kind != LINK_ANCHOR, out);
    if (l->kind == LINK_ZONE && l->by.tag != 0 && l->by.trust == TRUST_SECURE) {
        text_str(out, ", signed by ");
        name_text(l->zone.w, out);
        text_fmt(out, " key %u", l->by.tag);
        left_text(&l->by, w->v->now, out);
    }
    if (l->dnskey.count == 0)
        return;
    text_fmt(out, "; key%s ", l->dnskey.count > 1 ? "s" : "");
    tags_text(&l->dnskey, out);
    if (l->keys_by.trust == TRUST_SECURE && l->keys_by.tag != 0) {
        text_fmt(out, ", signed by %u", l->keys_by.tag);
        left_text(&l->keys_by, w->v->now, out);
    }
}

static void data_link(const struct view *w, const struct chain_link *l)
{
    struct text *out = w->out;
    if (l->has_target) {
        text_str(out, "-> ");
        name_text(l->target.w, out);
        text_str(out, ", ");
    }
    if (l->plain) {
        text_str(out, "not checked: it lies below the end of the chain");
    } else if (l->by.tag != 0 && l->by.trust == TRUST_SECURE) {
        by_text(w, &l->by, l->zone.w);
        if (l->by.wildcard) {
            text_str(out, ", made from the wildcard *.");
            if (l->by.labels > 0)
                name_text(name_skip(l->name.w, name_labels(l->name.w) - l->by.labels), out);
        }
    } else {
        text_str(out, l->by.tag != 0 ? "no good signature" : "no signature");
    }
}

static void denial_link(const struct view *w, const struct chain_link *l)
{
    struct text *out = w->out;
    char buf[24];
    if (l->kind == LINK_NO_CUT && l->broken)
        text_str(out, "there is no DS");
    else if (l->kind == LINK_NO_CUT)
        text_str(out, l->no_name ? "there is no such name" : "no zone of its own");
    else if (l->kind == LINK_NO_DS)
        text_str(out, "no DS: the chain ends here");
    else if (l->no_name)
        text_str(out, "there is no such name");
    else
        text_fmt(out, "there is no %s", rr_type_str(l->type, buf));
    if (l->plain)
        text_str(out, "; not checked: it lies below the end of the chain");
    else if (l->proofs > 0) {
        text_str(out, "; ");
        by_text(w, &l->by, l->zone.w);
    } else {
        text_str(out, l->broken ? "; without a good proof" : "; the proof is not taken");
    }
}

/* "www.example.org. A" */
static void title(const struct chain_link *l, struct text *out)
{
    char buf[24];
    name_text(l->name.w, out);
    if (l->kind == LINK_DATA || l->kind == LINK_DENIAL)
        text_fmt(out, " %s", rr_type_str(l->type, buf));
}

static void link_line(const struct view *w, const struct chain_link *l)
{
    size_t from = w->out->n;
    text_str(w->out, ";;   ");
    title(l, w->out);
    text_pad(w->out, from, w->column);
    if (l->kind <= LINK_ZONE)
        zone_link(w, l);
    else if (l->kind == LINK_DATA)
        data_link(w, l);
    else
        denial_link(w, l);
    if (l->broken) {
        text_str(w->out, "  ");
        paint(w, RED);
        text_str(w->out, w->v->silent || w->v->trust == TRUST_LIMIT ? "<- UNDECIDED HERE"
                                                                    : "<- BROKEN HERE");
        paint(w, RESET);
    }
    text_char(w->out, '\n');
    for (unsigned i = 0; i < l->proofs; i++) {
        from = w->out->n;
        text_str(w->out, ";;");
        text_pad(w->out, from, w->column + 2);
        proof_text(&l->proof[i], l->type, w->out);
        text_char(w->out, '\n');
    }
}

/* --- The verdict --- */

static const struct chain_link *broken_link(const struct validation *v)
{
    for (unsigned i = v->links; i-- > 0;)
        if (v->link[i].broken)
            return &v->link[i];
    return NULL;
}

static bool sooner(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

const struct chain_link *validation_first_end(const struct validation *v, uint32_t *ret_expires)
{
    const struct chain_link *first = NULL;
    for (unsigned i = 0; i < v->links; i++) {
        const struct trust_result *by[] = {&v->link[i].by, &v->link[i].keys_by};
        for (unsigned k = 0; k < ARRAY_LEN(by); k++) {
            if (by[k]->tag == 0 || by[k]->trust != TRUST_SECURE ||
                (first != NULL && !sooner(by[k]->expiration, *ret_expires)))
                continue;
            first = &v->link[i];
            *ret_expires = by[k]->expiration;
        }
    }
    return first;
}

static void secure_why(const struct validation *v, struct text *out)
{
    uint32_t end = 0;
    const struct chain_link *l = validation_first_end(v, &end);
    text_str(out, "every link from the anchor down holds");
    if (l == NULL)
        return;
    uint64_t at = v->now.wall_s + (uint64_t)(int64_t)(int32_t)(end - (uint32_t)v->now.wall_s);
    text_str(out, ", until ");
    when_text(at, out);
    text_str(out, " at least (");
    when_length(at > v->now.wall_s ? at - v->now.wall_s : 0, out);
    text_char(out, ')');
}

/* What makes a roll gone wrong plain: the keys on both sides of the cut. */
static void mismatch_why(const struct chain_link *l, struct text *out)
{
    if (l == NULL || l->kind > LINK_ZONE || l->dnskey.count == 0)
        return;
    text_fmt(out, ": the %s names key ", l->kind == LINK_ANCHOR ? "anchor" : "parent's DS");
    tags_text(&l->ds, out);
    text_str(out, ", the zone publishes ");
    tags_text(&l->dnskey, out);
    if (l->kind == LINK_ZONE)
        text_str(out, ": the DS at the registrar is old, or the key was taken out too early");
    else
        text_str(out, ": the anchor is old or another network's, or something answers in the place "
                      "of the zone's servers");
}

/* As a resolver tells its clients; only that nobody serves anything here. */
static void insecure_why(const struct validation *v, struct text *out)
{
    struct insecure i = {
        .reason = v->verdict.reason, .zone = v->blame.w, .iterations = v->iterations};
    for (unsigned k = 0; k < v->links; k++)
        if (v->link[k].kind <= LINK_ZONE && name_equal(v->link[k].name.w, i.zone))
            i.ds = &v->link[k].ds;
    insecure_words(&i, out);
}

void validation_why(const struct validation *v, struct text *out)
{
    const struct verdict *d = &v->verdict;
    if (v->trust == TRUST_SECURE) {
        secure_why(v, out);
    } else if (v->silent) {
        name_text(d->owner.w, out);
        text_char(out, ' ');
        rr_type_text(d->type, out);
        text_fmt(out, " could not be had: %s", v->trouble[0] ? v->trouble : "no reply");
    } else if (v->trust == TRUST_INSECURE && trust_reason_ede(d->reason) != 0) {
        insecure_why(v, out);
    } else if (d->reason == TRUST_TOO_MUCH && d->by.tag == 0) {
        text_str(out, "it takes more work to check than one question may cost, or its aliases have "
                      "no end");
    } else {
        bool keys = d->reason == TRUST_NO_DS_KEY || d->reason == TRUST_NO_ANCHOR_KEY;
        struct verdict told = *d;
        if (keys) /* named below */
            told.by.tag = 0;
        verdict_words(&told, v->blame.w, v->now, out);
        if (keys)
            mismatch_why(broken_link(v), out);
    }
}

void validation_act(const struct validation *v, struct text *out)
{
    enum trust_reason r = v->verdict.reason;
    if (v->trust == TRUST_SECURE || v->silent)
        return;
    const char *act = trust_reason_act(r);
    if (v->trust == TRUST_INSECURE && strcmp(act, trust_reason_act(TRUST_OK)) == 0)
        return;
    if (v->stripped && v->trust == TRUST_BOGUS) {
        text_str(out, "the operator of that server, or of what stands before it, has to let DNSSEC "
                      "records through");
        return;
    }
    if (name_is_root(v->blame.w) && (r == TRUST_EXPIRED || r == TRUST_NOT_YET)) {
        text_str(out, "set the clock of this machine; if it is right, what answers here is not the "
                      "root");
        return;
    }
    for (const char *p = act; *p != '\0'; p++) {
        if (strncmp(p, "{zone}", 6) == 0) {
            name_text(v->blame.w, out);
            p += 5;
        } else {
            text_char(out, *p);
        }
    }
}

static void hints(const struct view *w, const char *server)
{
    const struct validation *v = w->v;
    const char *words = NULL;
    if (v->trust <= TRUST_INSECURE) {
        if (v->signatures > budget_limit(BUDGET_SIGNATURES))
            text_fmt(
                w->out,
                ";;   hint: checking it cost %u signatures; a resolver that stops at %u for one "
                "question, as banyand does, answers SERVFAIL\n",
                v->signatures, budget_limit(BUDGET_SIGNATURES));
        return;
    }
    if (v->stripped && !v->silent && server[0] != '\0')
        words = "not even the zone of the trust anchor comes with signatures: this server, or "
                "something before it, takes them out; the zone may be fine";
    else if (v->silent && server[0] != '\0')
        words =
            "with @SERVER a resolver is wanted, one that answers for every zone; without @SERVER "
            "the zones' own servers are asked";
    else if (server[0] != '\0')
        words = "to tell this server from the zone, ask without @SERVER: then the zone's own "
                "servers are asked";
    else if (v->silent)
        words = "`banyan explain` says why there is no answer";
    if (words != NULL)
        text_fmt(w->out, ";;   hint: %s\n", words);
}

static void verdict(const struct view *w, const char *server)
{
    const struct validation *v = w->v;
    char act[512];
    struct text t = text_of(act, sizeof act);
    text_str(w->out, ";; ");
    paint(w, BOLD);
    paint(w, v->trust == TRUST_SECURE ? GREEN : v->trust == TRUST_INSECURE ? AMBER : RED);
    text_str(w->out, validation_word(v));
    paint(w, RESET);
    text_str(w->out, ": ");
    validation_why(v, w->out);
    text_char(w->out, '\n');
    act[0] = 0;
    validation_act(v, &t);
    if (act[0] != 0)
        text_fmt(w->out, ";;   what to do: %s\n", act);
    hints(w, server);
}

void validation_text(const struct validation *v, const char *server, bool colour, struct text *out)
{
    struct view w = {v, colour, 0, out};
    char buf[NAME_TEXT_MAX + 32];
    for (unsigned i = 0; i < v->links; i++) {
        struct text t = text_of(buf, sizeof buf);
        title(&v->link[i], &t);
        w.column = MAX(w.column, MIN(t.n, (size_t)NAME_COLUMN));
    }
    w.column += 7;
    if (v->links > 0)
        text_str(out, ";; chain of trust\n");
    for (unsigned i = 0; i < v->links; i++)
        link_line(&w, &v->link[i]);
    verdict(&w, server);
}
