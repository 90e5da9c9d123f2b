/* Recipes: any bytes are read or refused, and what was read is carried out on a signed zone or
 * refused. */
#include "sim/recipe.h"

#include "sim/sign_edit.h"
#include "zone/load.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1800000000, INPUT_MAX = 4096 };

static const char zone_text[] = "$TTL 60\ne. SOA ns.e. h.e. 1 2 3 4 5\ne. NS ns.e.\nns.e. A "
                                "192.0.2.1\nwww.e. A 192.0.2.2\n*.w.e. TXT x\nsub.e. NS ns.e.\n";

static void *text_open(void *ctx, const char *path, struct diag *d)
{
    (void)path;
    (void)d;
    *(size_t *)ctx = 0;
    return ctx;
}

static long text_read(void *ctx, void *file, void *buf, size_t n)
{
    size_t *at = file;
    (void)ctx;
    n = MIN(n, sizeof zone_text - 1 - *at);
    memcpy(buf, zone_text + *at, n);
    *at += n;
    return (long)n;
}

static void text_close(void *ctx, void *file)
{
    (void)ctx;
    (void)file;
}

static struct zone *zone;
static struct sim_signing signing;

/* Once for all inputs. */
static bool make_zone(bool nsec3)
{
    size_t at = 0;
    struct file_source fs = {&at, text_open, text_read, text_close};
    struct zone_load_options opt = {0};
    struct sim_signing_source src = {.repeatable = true};
    struct name origin;
    struct zone *plain = NULL;
    struct diag d;
    zone_drop(zone);
    zone = NULL;
    sim_signing_free(&signing);
    signing.how = (struct topo_signing){nsec3 ? TOPO_NSEC3 : TOPO_NSEC, SEC_ED25519, true};
    if (name_from("e.", &origin) != ST_OK || zone_load(&fs, "zone", &opt, NULL, &plain) != ST_OK)
        return false;
    bool ok = sim_signing_open(&signing, &src, origin.w, &d) == ST_OK &&
              sim_signing_apply(&signing, plain, NOW_S, &zone, &d) == ST_OK;
    zone_drop(plain);
    return ok;
}

static const struct zone *the_zone(void *ctx, const uint8_t *origin)
{
    (void)ctx;
    (void)origin;
    return zone;
}

/* Placeholders become a name of the zone. */
static size_t fill(const uint8_t *data, size_t size, uint8_t out[INPUT_MAX])
{
    static const char name[] = "www.e.";
    size_t n = 0;
    for (size_t i = 0; i < size && n + sizeof name < INPUT_MAX; i++) {
        const uint8_t *end = data[i] == '{' ? memchr(data + i, '}', size - i) : NULL;
        if (end == NULL) {
            out[n++] = data[i];
            continue;
        }
        memcpy(out + n, name, sizeof name - 1);
        n += sizeof name - 1;
        i = (size_t)(end - data);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool hashed;
    uint8_t text[INPUT_MAX];
    struct recipe r;
    struct diag d;
    struct sign_edit edit[RECIPE_EDITS];
    struct sign_edit_context cx = {.signing = &signing, .now_s = NOW_S, .zone = the_zone};
    unsigned n = 0;
    bool want = size > 0 && (data[size - 1] & 1);
    if ((zone == NULL || want != hashed) && !make_zone(want))
        abort();
    hashed = want;
    if (recipe_parse(&r, bytes_of(text, fill(data, size, text)), "fuzz", &d) != ST_OK)
        return 0;
    for (unsigned i = 0; i < r.edit_count; i++)
        if (r.edit[i].verb != RECIPE_POLICY &&
            sign_edit_parse(r.edit[i].verb, bytes_str(r.edit[i].text), &edit[n], &d) == ST_OK)
            n++;
    struct zone *new = NULL;
    if (zone_sign_edited(zone, edit, n, &cx, &new, &d) == ST_OK)
        zone_drop(new);
    return 0;
}
