/* banyan keys import, export: key files as BIND's tools write them. */
#include "app/cmd_keys.h"

#include "dns/rr_type.h"
#include "io/files.h"
#include "zone/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* A key that is to be imported, read from its files. */
struct key_file {
    char stem[PATH_SIZE]; /* path without .key and .private */
    uint8_t dnskey[DNSKEY_RDATA_MAX];
    size_t dnskey_n;
    char *secret; /* or NULL */
    size_t secret_n;
};

struct import {
    struct keys_cmd *c;
    struct key_file *file;
    size_t n;
};

static struct import importing;

static void keep_first(void *ctx, const struct diag *d)
{
    struct diag *first = ctx;
    if (d->severity == SEV_ERROR && first->message[0] == '\0')
        *first = *d;
}

static bool failed(struct keys_cmd *c, const char *path, const char *what, const char *hint)
{
    diag_set(&c->d, SEV_ERROR, "bad-key-file", hint, "%s: %s", path, what);
    (void)keys_complain(c);
    return false;
}

/* The DNSKEY in a .key file. */
static bool read_public(struct keys_cmd *c, struct key_file *f)
{
    char path[PATH_SIZE + 16];
    struct diag why = {0};
    struct diag_sink sink = {.emit = keep_first, .ctx = &why};
    struct zone_load_options opt = {.origin = name_root, .default_ttl = 3600, .no_include = true};
    struct zone_record r;
    snprintf(path, sizeof path, "%s.key", f->stem);
    if (access(path, F_OK) != 0)
        return failed(c, path, "there is no such file",
                      "a key is two files: .key has the public half, .private the private one");
    struct zone_scan *s = zone_scan_new(&file_source_os, path, &opt, &sink);
    bool any = s != NULL && zone_scan_next(s, &r), ok = any && r.type == RR_DNSKEY;
    bool ours = ok && name_equal(r.owner, c->zone.w);
    if (ours && r.rdata.n <= sizeof f->dnskey) {
        memcpy(f->dnskey, r.rdata.p, r.rdata.n);
        f->dnskey_n = r.rdata.n;
    }
    bool more = any && zone_scan_next(s, &r);
    zone_scan_free(s);
    if (why.message[0] != '\0')
        return failed(c, path, why.message, NULL);
    if (!ok || more)
        return failed(c, path, more ? "more than one record is in it" : "no DNSKEY is in it", NULL);
    if (!ours)
        return failed(c, path, "it is a key of another zone", NULL);
    return true;
}

static bool read_private(struct keys_cmd *c, struct key_file *f)
{
    char path[PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s.private", f->stem);
    if (access(path, F_OK) != 0) {
        if (errno == ENOENT && c->public_only)
            return true;
        return failed(c, path, strerror(errno),
                      "--public imports the public half alone: the key of another signer");
    }
    enum status st = file_read_whole(path, KEYSET_KEY_FILE_MAX, &f->secret, &f->secret_n, &c->d);
    if (st != ST_OK) {
        (void)keys_complain(c);
        return false;
    }
    return f->secret_n > 0 || failed(c, path, "the file is empty", NULL);
}

/* Takes a file's name in any form; both halves of a key count once. */
static bool add_file(struct import *m, const char *path)
{
    static const char *const ends[] = {".key", ".private", ".state", ".ds"};
    struct key_file *f = &m->file[m->n];
    size_t n = strlen(path);
    if (n >= sizeof f->stem)
        return failed(m->c, "a file", "its name is too long", NULL);
    memcpy(f->stem, path, n + 1);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t e = strlen(ends[i]);
        if (n > e && strcmp(path + n - e, ends[i]) == 0)
            f->stem[n - e] = '\0';
    }
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->file[i].stem, f->stem) == 0)
            return true;
    m->n++;
    return read_public(m->c, f) && read_private(m->c, f);
}

static enum status import_one(struct import *m, struct keyset *s, const struct key_file *f,
                              struct diag *d)
{
    struct keys_cmd *c = m->c;
    struct zone_key *k;
    struct diag why = {0};
    enum status st = keyset_import(s, bytes_of(f->dnskey, f->dnskey_n),
                                   bytes_of(f->secret, f->secret_n), c->now, &k, &why);
    if (st != ST_OK) {
        diag_set(d, SEV_ERROR, "bad-key-file", why.hint, "%s: %s", f->stem,
                 why.message[0] != '\0' ? why.message : status_text(st));
        d->line = 0;
        return st;
    }
    if (c->role != NULL && !key_role_parse(bytes_str(c->role), &k->role)) {
        diag_set(d, SEV_ERROR, "usage", NULL, "--role is csk, ksk or zsk, not \"%s\"", c->role);
        return ST_ESYNTAX;
    }
    keys_say(c, k, "was imported");
    return ST_OK;
}

/* Zone-signing keys first: beside them a key with the SEP flag is a KSK. All or none. */
static enum status do_import(void *ctx, struct keyset *s, struct diag *d)
{
    (void)ctx;
    for (int sep = 0; sep < 2; sep++)
        for (size_t i = 0; i < importing.n; i++) {
            const struct key_file *f = &importing.file[i];
            if ((get_be16(f->dnskey) & DNSKEY_SEP) == sep)
                TRY(import_one(&importing, s, f, d));
        }
    return ST_OK;
}

int keys_import(struct keys_cmd *c)
{
    bool ok = true;
    importing = (struct import){.c = c};
    importing.file = calloc((size_t)c->n, sizeof *importing.file);
    if (importing.file == NULL)
        return KEYS_FAILED;
    for (int i = 0; ok && i < c->n; i++)
        ok = add_file(&importing, c->arg[i]);
    int rc = ok ? keys_change(c, do_import) : KEYS_FAILED;
    for (size_t i = 0; i < importing.n; i++) {
        if (importing.file[i].secret != NULL)
            explicit_bzero(importing.file[i].secret, importing.file[i].secret_n);
        free(importing.file[i].secret);
    }
    free(importing.file);
    return rc;
}

/* --- Export --- */

static bool write_file(struct keys_cmd *c, const char *path, unsigned mode, const struct text *t)
{
    struct file_out *f;
    if (!c->force && access(path, F_OK) == 0)
        return failed(c, path, "it is there already", "--force overwrites it");
    if (unlink(path) != 0 && errno != ENOENT) /* its mode shall not stay */
        return failed(c, path, strerror(errno), NULL);
    bool ok = file_out_begin(path, mode, &f, &c->d) == ST_OK;
    if (ok && file_out_write(f, bytes_of(t->p, t->n), &c->d) != ST_OK) {
        file_out_abort(f);
        ok = false;
    }
    if (ok && file_out_commit(f, &c->d) == ST_OK) {
        if (!c->json)
            printf("%s\n", path);
        return true;
    }
    (void)keys_complain(c);
    return false;
}

static bool export_key(struct keys_cmd *c, const struct zone_key *k, const char *dir)
{
    char path[PATH_SIZE], stem[NAME_TEXT_MAX + 32];
    struct text name = text_of(stem, sizeof stem);
    struct text pub = text_heap(KEYSET_KEY_FILE_MAX), secret = text_heap(KEYSET_KEY_FILE_MAX);
    key_file_stem(&c->set, k, &name);
    for (char *p = stem; *p != '\0'; p++) /* a name may have a slash in it */
        if (*p == '/')
            *p = '_';
    key_public_file(&c->set, k, c->policy.dnskey_ttl_s, &pub);
    key_private_file(k, &secret);
    snprintf(path, sizeof path, "%s/%s.private", dir, stem);
    bool ok = !secret.cut && !pub.cut && (k->secret.n == 0 || write_file(c, path, 0600, &secret));
    snprintf(path, sizeof path, "%s/%s.key", dir, stem);
    ok = ok && write_file(c, path, 0644, &pub);
    if (secret.p != NULL)
        explicit_bzero(secret.p, secret.n);
    text_free(&secret);
    text_free(&pub);
    return ok;
}

int keys_export(struct keys_cmd *c)
{
    uint16_t tag = 0;
    bool one = c->n == 2, found = false;
    struct stat st;
    const char *dir = c->arg[c->n - 1];
    if (one && !keys_tag(c, c->arg[0], &tag))
        return keys_complain(c);
    if (!keys_read(c))
        return KEYS_FAILED;
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        (void)failed(c, dir, "there is no such folder", NULL);
        return KEYS_FAILED;
    }
    for (unsigned i = 0; i < c->set.n; i++) {
        if (one && c->set.key[i].tag != tag)
            continue;
        found = true;
        if (!export_key(c, &c->set.key[i], dir))
            return KEYS_FAILED;
    }
    if (found)
        return KEYS_FINE;
    diag_set(&c->d, SEV_ERROR, "no-such-key", "`banyan keys list` shows the tags",
             "%s has no key %u", c->zone_text, tag);
    return keys_complain(c);
}
