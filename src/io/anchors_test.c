/* The files of trust points that are followed, and what the keeper tells; how keys roll over months
 * is told by tools/e2e_anchors.py. */
#include "io/anchor_keeper.h"

#include "base/limits.h"
#include "base/test.h"
#include "io/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_S = 86400 };

struct folder {
    char dir[64], path[ANCHOR_PATH_MAX], bad[ANCHOR_PATH_MAX + 8];
};

static struct folder folder_new(void)
{
    struct folder f = {.dir = "/tmp/banyan-anchors-XXXXXX"};
    if (mkdtemp(f.dir) == NULL || !anchor_state_path(f.dir, name_root, f.path))
        abort();
    snprintf(f.bad, sizeof f.bad, "%s.bad", f.path);
    return f;
}

static void folder_free(const struct folder *f)
{
    unlink(f->path);
    unlink(f->bad);
    CHECK_EQ(rmdir(f->dir), 0); /* nothing half written is left */
}

static struct anchors *builtin(void)
{
    struct anchors *a = anchors_new();
    if (a == NULL || anchors_add_builtin(a) != ST_OK)
        abort();
    return a;
}

TEST(state_files_have_names_of_their_own)
{
    static const char *const zones[] = {".",         "root.",   "example.org.", "a/b.",
                                        "\\.\\./x.", "\\000a.", "%2f.",         "/."};
    char path[ARRAY_LEN(zones)][ANCHOR_PATH_MAX], text[NAME_TEXT_MAX];
    struct name n;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        REQUIRE(name_parse(bytes_str(zones[i]), name_root, &n) == ST_OK);
        REQUIRE(anchor_state_path("dir", n.w, path[i]));
        CHECK(strrchr(path[i], '/') == path[i] + 3);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(path[i], path[k]) != 0);
    }
    CHECK_STR(path[0], "dir/root.anchors");
    CHECK_STR(path[2], "dir/zone.example.org.anchors");
    REQUIRE(name_parse(bytes_str("Example.ORG."), name_root, &n) == ST_OK);
    REQUIRE(anchor_state_path("dir", n.w, path[0]));
    CHECK_STR(path[0], path[2]);
    /* Two of the longest that there are, different in their last byte only. */
    for (size_t i = 0; i < 2; i++) {
        struct text t = text_of(text, sizeof text);
        for (int label = 0; label < 3; label++)
            for (int k = 0; k < 64; k++)
                text_str(&t, k < 63 ? "\\001" : ".");
        text_str(&t, i ? "y." : "x.");
        REQUIRE(name_parse(bytes_str(text), name_root, &n) == ST_OK);
        REQUIRE(anchor_state_path("dir", n.w, path[i]));
        CHECK(strlen(path[i]) <= 4 + 240);
    }
    CHECK(strcmp(path[0], path[1]) != 0);
}

TEST(a_state_comes_back_as_it_was)
{
    struct folder f = folder_new();
    struct anchors *a = builtin();
    struct anchor_roll r, back;
    struct roll_report report;
    struct stat st;
    struct name other;
    struct diag d = {0};
    anchor_roll_init(&r, name_root);
    CHECK_EQ(anchor_state_read(f.path, name_root, &back, &d), ST_ENOTFOUND);
    CHECK_EQ(anchor_roll_configure(&r, anchors_at(a, 0), now_read(), &report), ST_OK);
    CHECK_EQ(anchor_state_write(f.path, &r, &d), ST_OK);
    CHECK(stat(f.path, &st) == 0 && (st.st_mode & 07777) == 0644);
    CHECK_EQ(anchor_state_read(f.path, name_root, &back, &d), ST_OK);
    CHECK_EQ(back.n, r.n);
    CHECK(r.n == 2 && memcmp(back.key, r.key, sizeof r.key) == 0);
    REQUIRE(name_parse(bytes_str("org."), name_root, &other) == ST_OK);
    CHECK_EQ(anchor_state_read(f.path, other.w, &back, &d), ST_ESYNTAX);
    CHECK(back.n == 0 && strstr(d.message, "another zone") != NULL);
    CHECK_EQ(anchor_state_aside(f.path, &d), ST_OK);
    CHECK(access(f.bad, F_OK) == 0 && access(f.path, F_OK) != 0);
    CHECK_EQ(anchor_state_aside(f.path, &d), ST_EIO);
    anchors_free(a);
    folder_free(&f);
}

/* RFC 5011 section 2.3: no more than 15 days may pass; a file that was not looked at for longer is
 * an alarm once looking fails too. */
TEST(keys_not_seen_for_long_are_an_alarm)
{
    struct folder f = folder_new();
    struct anchors *a = builtin(), *effective = NULL;
    struct anchor_roll r;
    struct roll_report report;
    struct anchor_summary sum;
    struct diag d = {0};
    struct now now = now_read();
    struct text t = text_heap(1 << 16);
    struct name zone;
    uint32_t due_s;
    uint64_t version;
    anchor_roll_init(&r, name_root);
    CHECK_EQ(anchor_roll_configure(&r, anchors_at(a, 0), now, &report), ST_OK);
    r.checked_s = r.newest_s = now.wall_s - 14 * DAY_S;
    CHECK_EQ(anchor_state_write(f.path, &r, &d), ST_OK);
    struct anchor_keeper *k = anchor_keeper_new(f.dir, NULL);
    REQUIRE(k != NULL);
    CHECK_EQ(anchor_keeper_take(k, a, NULL, &effective, &version), ST_OK);
    CHECK_EQ(version, anchor_keeper_version(k));
    CHECK(effective != NULL && anchors_at(effective, 0)->count == 2);
    CHECK(anchor_keeper_due(k, now, &zone, &due_s) && due_s == 0 && name_is_root(zone.w));
    for (int later = 0; later < 2; later++) {
        now.wall_s += (uint64_t)later * 2 * DAY_S;
        anchor_keeper_failed(k, name_root, "no answer", now);
        anchor_keeper_summary(k, now, &sum);
        CHECK_EQ(sum.alarms, later);
        CHECK_EQ(sum.next_s, ROLL_RETRY_MIN_S);
    }
    CHECK(sum.trusted == 2 && sum.count.unreached == 2 && sum.count.seen == 0);
    anchor_keeper_text(k, now, &t);
    CHECK(strstr(text_cstr(&t), "not seen for more than 15 days") != NULL);
    anchors_free(effective);
    anchor_keeper_free(k);
    anchors_free(a);
    text_free(&t);
    folder_free(&f);
}

/* A zone that is not configured any more has no anchors, and none are looked after. */
TEST(what_is_not_configured_is_not_followed)
{
    struct folder f = folder_new();
    struct anchors *a = builtin(), *none = anchors_new(), *effective = NULL;
    struct anchor_keeper *k = anchor_keeper_new(f.dir, NULL);
    struct name zone;
    uint32_t due_s;
    uint64_t first, second;
    REQUIRE(k != NULL && none != NULL);
    CHECK_EQ(anchor_keeper_take(k, a, NULL, &effective, &first), ST_OK);
    anchors_free(effective);
    CHECK_EQ(anchor_keeper_take(k, none, NULL, &effective, &second), ST_OK);
    CHECK(first != second && anchors_at(effective, 0) == NULL);
    CHECK(!anchor_keeper_due(k, now_read(), &zone, &due_s));
    anchors_free(effective);
    anchors_free(none);
    anchors_free(a);
    anchor_keeper_free(k);
    folder_free(&f);
}
