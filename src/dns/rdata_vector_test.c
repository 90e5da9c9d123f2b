/* Runs vectors/rr/<TYPE>.txt: one file for every type of the table, one test point each. The format
 * is described in vectors/rr/README. */
#include "base/codec.h"
#include "base/test.h"
#include "dns/rdata.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARTS_MAX = 4, SPACE = 70000 };

struct run {
    char file[64];
    unsigned line, failures, good, bad_text, bad_wire;
    uint16_t type;
    struct name origin;
    uint8_t *a, *b, *c; /* SPACE bytes each */
};

__attribute__((format(printf, 2, 3))) static void fail(struct run *r, const char *fmt, ...)
{
    char what[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    r->failures++;
    printf("# %s:%u: %s\n", r->file, r->line, what);
}

static enum status from_text(struct run *r, struct bytes line, uint8_t *buf, struct bytes *ret,
                             struct diag *d)
{
    struct writer w = wr_of(buf, SPACE);
    enum status st = rdata_parse_line(r->type, line, r->origin.w, &w, d);
    *ret = wr_done(&w);
    return st;
}

/* A strict reader of JSON (RFC 8259) that keeps nothing: the place after one value, or NULL. */
static const char *json_skip(const char *p, int depth);

static const char *json_string(const char *p)
{
    for (p++; *p != '"'; p++) {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p != '\\')
            continue;
        if (*++p == 'u') {
            if (strspn(p + 1, "0123456789abcdefABCDEF") < 4)
                return NULL;
            p += 4;
        } else if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL) {
            return NULL;
        }
    }
    return p + 1;
}

static const char *json_items(const char *p, char close, int depth)
{
    if (*++p == close)
        return p + 1;
    for (;; p++) {
        if (close == '}') {
            p = *p == '"' ? json_string(p) : NULL;
            if (p == NULL || *p++ != ':')
                return NULL;
        }
        p = json_skip(p, depth + 1);
        if (p == NULL)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p != ',')
            return NULL;
    }
}

static const char *json_skip(const char *p, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    if (depth > 8)
        return NULL;
    if (*p == '"')
        return json_string(p);
    if (*p == '{' || *p == '[')
        return json_items(p, *p == '{' ? '}' : ']', depth);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0)
            return p + strlen(words[i]);
    size_t n = strspn(p, "-0123456789.");
    return n > 0 ? p + n : NULL;
}

static void check_json(struct run *r, struct bytes rd)
{
    struct text t = text_heap(1 << 20);
    struct json j = json_of(&t, false);
    rdata_json(r->type, rd, &j);
    const char *end = text_cstr(&t)[0] == '{' ? json_skip(text_cstr(&t), 0) : NULL;
    if (end == NULL || *end != '\0' || j.depth != 0)
        fail(r, "not a JSON object: %s", text_cstr(&t));
    text_free(&t);
}

/* Canonical form: valid, its own canonical form, equal in canonical order (RFC 4034
 * sections 6.2, 6.3). */
static void check_canonical(struct run *r, struct bytes rd)
{
    struct writer w = wr_of(r->b, SPACE), again = wr_of(r->c, SPACE);
    if (rdata_canonical(r->type, rd, &w) != ST_OK || rdata_check(r->type, wr_done(&w)) != ST_OK ||
        rdata_canonical(r->type, wr_done(&w), &again) != ST_OK ||
        !bytes_equal(wr_done(&w), wr_done(&again)))
        fail(r, "the canonical form is not stable");
    if (rdata_compare(r->type, rd, wr_done(&w)) != 0)
        fail(r, "differs from its canonical form in canonical order");
    if (!rr_type_has_names(r->type) && !bytes_equal(rd, wr_done(&w)))
        fail(r, "the canonical form differs though there are no names");
}

/* rd is valid: what it prints is `want`, and that reads back as rd, also from the middle of a
 * message. */
static void check_valid(struct run *r, struct bytes rd, const char *want)
{
    struct text t = text_heap(1 << 20);
    struct bytes again;
    struct diag d = {0};
    enum status st = rdata_check(r->type, rd);
    if (st != ST_OK)
        fail(r, "wire refused: %s", status_text(st));
    rdata_text(r->type, rd, &t);
    if (strcmp(text_cstr(&t), want) != 0)
        fail(r, "prints as [%s], not [%s]", text_cstr(&t), want);
    st = from_text(r, bytes_of(text_cstr(&t), t.n), r->b, &again, &d);
    if (st != ST_OK || !bytes_equal(again, rd))
        fail(r, "[%s] does not read back: %s %s", text_cstr(&t), status_text(st), d.message);
    text_clear(&t);
    rdata_text_generic(rd, &t);
    st = from_text(r, bytes_of(text_cstr(&t), t.n), r->b, &again, &d);
    if (st != ST_OK || !bytes_equal(again, rd))
        fail(r, "the generic form does not read back: %s %s", status_text(st), d.message);
    text_free(&t);
    struct writer w = wr_of(r->b, SPACE);
    memset(r->c, 0, 12);
    memcpy(r->c + 12, rd.p, rd.n);
    st = rdata_from_wire(r->type, bytes_of(r->c, 12 + rd.n), 12, rd.n, &w);
    if (st != ST_OK || !bytes_equal(wr_done(&w), rd))
        fail(r, "differs when read from a message: %s", status_text(st));
    check_canonical(r, rd);
    check_json(r, rd);
}

/* Hex of a vector; blanks are allowed. */
static struct bytes hex_of(struct run *r, const char *s)
{
    struct writer w = wr_of(r->a, SPACE);
    char pair[2];
    size_t n = 0;
    for (; *s; s++) {
        if (*s == ' ')
            continue;
        pair[n++] = *s;
        if (n == 2 && hex_parse(bytes_of(pair, 2), &w) != ST_OK)
            fail(r, "bad hex in the vector");
        n %= 2;
    }
    if (n != 0)
        fail(r, "odd hex in the vector");
    return wr_done(&w);
}

static void run_ok(struct run *r, char **part, unsigned parts)
{
    struct bytes got, want;
    struct diag d = {0};
    r->good++;
    enum status st = from_text(r, bytes_str(part[1]), r->b, &got, &d);
    want = hex_of(r, part[2]);
    if (st != ST_OK)
        fail(r, "[%s]: %s", part[1], d.message);
    else if (!bytes_equal(got, want)) {
        struct text t = text_heap(1 << 20);
        hex_text(got, &t);
        fail(r, "[%s] is %s", part[1], text_cstr(&t));
        text_free(&t);
    }
    check_valid(r, want, parts > 3 ? part[3] : part[1]);
}

static void run_bad_text(struct run *r, const char *line)
{
    struct bytes got;
    struct diag d = {0};
    r->bad_text++;
    if (from_text(r, bytes_str(line), r->b, &got, &d) == ST_OK)
        fail(r, "[%s] was read", line);
    else if (d.message[0] == '\0')
        fail(r, "[%s]: no message", line);
    else if (got.n != 0)
        fail(r, "[%s] left bytes behind", line);
}

static void run_line(struct run *r, char *line)
{
    char *part[PARTS_MAX];
    unsigned n = 0;
    for (char *p = line; p != NULL && n < PARTS_MAX; n++) {
        char *bar = n + 1 < PARTS_MAX ? strstr(p, " | ") : NULL;
        part[n] = p;
        p = bar != NULL ? bar + 3 : NULL;
        if (bar != NULL)
            *bar = '\0';
    }
    if (strcmp(part[0], "ok") == 0 && n >= 3) {
        run_ok(r, part, n);
    } else if (strcmp(part[0], "wire") == 0 && n == 3) {
        r->good++;
        check_valid(r, hex_of(r, part[1]), part[2]);
    } else if (strcmp(part[0], "bad-text") == 0 && n == 3) {
        run_bad_text(r, part[1]);
    } else if (strcmp(part[0], "bad-wire") == 0 && n == 3) {
        r->bad_wire++;
        if (rdata_check(r->type, hex_of(r, part[1])) == ST_OK)
            fail(r, "%s was accepted", part[1]);
    } else {
        fail(r, "not a vector: %s", line);
    }
}

static void run_file(struct run *r)
{
    char buf[24], path[80];
    r->line = r->failures = r->good = r->bad_text = r->bad_wire = 0;
    snprintf(r->file, sizeof r->file, "vectors/rr/%s.txt", rr_type_str(r->type, buf));
    snprintf(path, sizeof path, "%s", r->file);
    char *text = test_file(path, NULL);
    if (text == NULL) {
        test_point(false, "%s is missing", path);
        return;
    }
    for (char *p = text; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        char *next = p + n + (p[n] == '\n');
        p[n] = '\0';
        r->line++;
        if (n > 0 && p[0] != '#')
            run_line(r, p);
        p = next;
    }
    if (r->good == 0)
        fail(r, "no valid vector");
    if (r->bad_text == 0)
        fail(r, "no vector of bad text");
    test_point(r->failures == 0, "vectors of %s: %u good, %u bad", buf, r->good,
               r->bad_text + r->bad_wire);
    free(text);
}

TEST(rr_vectors)
{
    struct run r = {.a = malloc(SPACE), .b = malloc(SPACE), .c = malloc(SPACE)};
    REQUIRE(r.a != NULL && r.b != NULL && r.c != NULL);
    REQUIRE(name_from("example.", &r.origin) == ST_OK);
    for (uint16_t t = rr_type_next(0); t != 0; t = rr_type_next(t)) {
        r.type = t;
        run_file(&r);
    }
    free(r.a);
    free(r.b);
    free(r.c);
}
