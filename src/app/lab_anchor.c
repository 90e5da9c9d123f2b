/* The trust anchor of the lab's root, in the forms that validators read. It follows from the
 * topology, so that it is the same in every run and known before the lab is up. */
#include "app/lab.h"

#include "base/codec.h"
#include "dnssec/dnskey.h"
#include "io/files.h"
#include "sim/signing.h"

#include <stdio.h>
#include <string.h>

static enum status anchor_of(const char *data, const struct topology *t, struct writer *w,
                             struct diag *d)
{
    struct sim_signing_source src = {.files = &file_source_os, .dir = data};
    enum status st = sim_signing_anchor(t, &src, w, d);
    if (st == ST_ENOTFOUND)
        diag_set(d, SEV_ERROR, "not-signed", "`dnssec: auto` in topology.yaml signs it",
                 "the lab's root is not signed");
    else if (st != ST_OK && d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "no-anchor", NULL, "the root's key: %s", status_text(st));
    return st;
}

static void dnskey_text(const struct dnskey *k, struct text *out)
{
    text_fmt(out, ". 3600 IN DNSKEY %u %u %u ", k->flags, k->protocol, k->algorithm);
    base64_text(k->public_key, out);
    text_char(out, '\n');
}

static enum status ds_text(struct bytes rdata, struct text *out)
{
    uint8_t buf[4 + DS_DIGEST_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    struct ds ds;
    TRY(ds_write(DS_SHA256, name_root, rdata, &w));
    if (!ds_read(wr_done(&w), &ds))
        return ST_EFORMAT;
    text_fmt(out, ". 3600 IN DS %u %u %u ", ds.tag, ds.algorithm, ds.digest_type);
    hex_text(ds.digest, out);
    text_char(out, '\n');
    return ST_OK;
}

enum status lab_anchor_text(const char *data, const struct topology *t, enum anchor_form form,
                            struct text *out, struct diag *d)
{
    uint8_t buf[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    struct dnskey k;
    TRY(anchor_of(data, t, &w, d));
    if (!dnskey_read(wr_done(&w), &k))
        return ST_EFORMAT;
    switch (form) {
    case ANCHOR_DS:
        return ds_text(wr_done(&w), out);
    case ANCHOR_DNSKEY:
        dnskey_text(&k, out);
        return ST_OK;
    case ANCHOR_UNBOUND:
        text_str(out, "server:\n    trust-anchor: \"");
        TRY(ds_text(wr_done(&w), out));
        out->n -= 1; /* the line's end, which the quote mark takes the place of */
        text_str(out, "\"\n");
        return ST_OK;
    case ANCHOR_BIND:
        text_fmt(out, "trust-anchors {\n    . static-key %u %u %u \"", k.flags, k.protocol,
                 k.algorithm);
        base64_text(k.public_key, out);
        text_str(out, "\";\n};\n");
        return ST_OK;
    }
    return ST_EUNSUPPORTED;
}

int lab_anchor(const struct lab_options *opt)
{
    char data[LAB_PATH];
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    struct topology t;
    struct lab_state s;
    struct text out = text_heap(65536);
    const char *given = opt->data == NULL && lab_state_read(opt->dir, &s) ? s.data : opt->data;
    if (!lab_data_dir(given, data, &d)) {
        diag_emit(&sink, &d);
        return 1;
    }
    if (lab_topology(data, &t) != ST_OK)
        return 1;
    enum status st = ST_OK;
    for (unsigned i = 0; st == ST_OK && i < ANCHOR_FORMS; i++)
        if (opt->anchor & 1u << i)
            st = lab_anchor_text(data, &t, (enum anchor_form)i, &out, &d);
    if (st == ST_OK && opt->anchor == 0) /* master-file form of both */
        st = lab_anchor_text(data, &t, ANCHOR_DS, &out, &d);
    if (st == ST_OK && opt->anchor == 0)
        st = lab_anchor_text(data, &t, ANCHOR_DNSKEY, &out, &d);
    if (st == ST_OK)
        fputs(text_cstr(&out), stdout);
    else
        diag_emit(&sink, &d);
    text_free(&out);
    topology_free(&t);
    return st != ST_OK;
}
