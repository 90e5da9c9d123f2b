/* A chain of trust as data. */
#include "app/validate.h"

#include "base/when.h"
#include "dns/rdata.h"
#include "dns/rr_type.h"

static void kv_name(struct json *j, const char *key, const uint8_t *name)
{
    char buf[NAME_TEXT_MAX];
    json_kv_str(j, key, name_str(name, buf));
}

static void kv_time(struct json *j, const char *key, uint32_t time, struct now now)
{
    char buf[40];
    struct text t = text_of(buf, sizeof buf);
    when_text(now.wall_s + (uint64_t)(int64_t)(int32_t)(time - (uint32_t)now.wall_s), &t);
    json_kv_str(j, key, buf);
}

static void signature(struct json *j, const char *key, const struct trust_result *by,
                      const uint8_t *zone, struct now now)
{
    if (by->tag == 0)
        return;
    json_key(j, key);
    json_object(j);
    kv_name(j, "zone", zone);
    json_kv_uint(j, "key", by->tag);
    json_kv_uint(j, "algorithm", by->algorithm);
    json_kv_bool(j, "good", by->trust == TRUST_SECURE);
    json_kv_str(j, "reason", trust_reason_word(by->reason));
    if (by->expiration != 0 || by->inception != 0) {
        kv_time(j, "inception", by->inception, now);
        kv_time(j, "expiration", by->expiration, now);
    }
    json_object_end(j);
}

static void records(struct json *j, const char *key, const struct rrset *set)
{
    if (set->count == 0)
        return;
    json_key(j, key);
    json_array(j);
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct text t = text_heap(1 << 17);
        rdata_text(set->type, rd, &t);
        json_str(j, text_cstr(&t));
        text_free(&t);
    }
    json_array_end(j);
}

static void proofs(struct json *j, const struct chain_link *l)
{
    static const char *const role[] = {"at",       "covers",      "empty",
                                       "encloser", "wildcard-at", "wildcard-covers"};
    if (l->proofs == 0)
        return;
    json_key(j, "proof");
    json_array(j);
    for (unsigned i = 0; i < l->proofs; i++) {
        const struct proof_part *p = &l->proof[i];
        char buf[24];
        struct text t = text_heap(1 << 16);
        json_object(j);
        json_kv_str(j, "role", role[p->role]);
        kv_name(j, "of", p->of.w);
        json_kv_str(j, "type", rr_type_str(p->set.type, buf));
        kv_name(j, "owner", p->set.owner);
        records(j, "rdata", &p->set);
        json_kv_bool(j, "opt_out", p->opt_out);
        proof_text(p, l->type, &t);
        json_kv_str(j, "text", text_cstr(&t));
        json_object_end(j);
        text_free(&t);
    }
    json_array_end(j);
}

static void link_json(const struct validation *v, const struct chain_link *l, struct json *j)
{
    static const char *const kind[] = {"anchor", "zone", "no-cut", "no-ds", "data", "denial"};
    char buf[24];
    json_object(j);
    json_kv_str(j, "kind", kind[l->kind]);
    kv_name(j, "name", l->name.w);
    if (l->type != 0 && l->kind >= LINK_DATA)
        json_kv_str(j, "type", rr_type_str(l->type, buf));
    json_kv_bool(j, "broken", l->broken);
    records(j, "ds", &l->ds);
    signature(j, "signature", &l->by, l->zone.w, v->now);
    records(j, "keys", &l->dnskey);
    signature(j, "keys_signature", &l->keys_by, l->name.w, v->now);
    if (l->kind >= LINK_DATA)
        json_kv_bool(j, "signed", !l->plain);
    if (l->kind == LINK_DENIAL || l->kind == LINK_NO_CUT)
        json_kv_bool(j, "nxdomain", l->no_name);
    if (l->by.wildcard)
        json_kv_bool(j, "wildcard", true);
    if (l->has_target)
        kv_name(j, "target", l->target.w);
    proofs(j, l);
    json_object_end(j);
}

void validation_json(const struct validation *v, struct json *j)
{
    char buf[24], words[VALIDATE_WORDS];
    struct text t = text_of(words, sizeof words);
    uint32_t end;
    const struct verdict *d = &v->verdict;
    json_object(j);
    json_kv_str(j, "verdict", validation_word(v));
    json_kv_str(j, "reason", trust_reason_word(d->reason));
    words[0] = 0;
    validation_why(v, &t);
    json_kv_str(j, "text", words);
    text_clear(&t);
    words[0] = 0;
    validation_act(v, &t);
    if (words[0] != 0)
        json_kv_str(j, "act", words);
    if (v->trust != TRUST_SECURE) {
        if (trust_reason_ede(d->reason) != 0)
            json_kv_uint(j, "ede", trust_reason_ede(d->reason));
        kv_name(j, "name", d->owner.w);
        json_kv_str(j, "type", rr_type_str(d->type, buf));
        kv_name(j, "zone", v->blame.w);
    }
    if (v->stripped)
        json_kv_bool(j, "stripped", true);
    if (validation_first_end(v, &end) != NULL)
        kv_time(j, "until", end, v->now);
    json_kv_uint(j, "questions", v->questions);
    json_kv_uint(j, "signatures", v->signatures);
    json_key(j, "chain");
    json_array(j);
    for (unsigned i = 0; i < v->links; i++)
        link_json(v, &v->link[i], j);
    json_array_end(j);
    json_object_end(j);
}
