/* docs/attacks.md says what each attack costs: the scenarios that are one are played, and their
 * numbers must stand there as they come out. What differs is printed, to be put in. */
#include "sim/player.h"
#include "sim/walk_testlib.h"

#include <dirent.h>

enum { COSTS_MAX = 1 << 16 };

static int is_scenario(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && strcmp(e->d_name + n - 4, ".scn") == 0;
}

static void play_for_costs(const char *name, struct text *costs)
{
    struct diag_sink sink = {.emit = print_diag};
    struct scenario sc;
    struct diag d;
    char path[300], lab[1200];
    size_t len = 0;
    snprintf(path, sizeof path, "scenarios/%s", name);
    snprintf(lab, sizeof lab, "%s/lab", test_source_dir());
    char *text = test_file(path, &len);
    REQUIRE(text != NULL);
    if (strstr(text, "\nhostile ") != NULL) {
        enum status st = scenario_parse(&sc, bytes_of(text, len), path, &d);
        sc.files = &files;
        sc.lab = lab;
        sc.costs = costs;
        CHECK(st == ST_OK && scenario_play(&sc, path, &sink, NULL) == ST_OK);
        scenario_free(&sc);
    }
    free(text);
}

TEST(costs_of_attacks_are_documented)
{
    char dir[1200];
    struct dirent **v = NULL;
    struct text costs = text_heap(COSTS_MAX);
    size_t len = 0;
    unsigned rows = 0;
    snprintf(dir, sizeof dir, "%s/scenarios", test_source_dir());
    int n = scandir(dir, &v, is_scenario, alphasort);
    for (int i = 0; i < n; i++) {
        play_for_costs(v[i]->d_name, &costs);
        free(v[i]);
    }
    free(v);
    char *page = test_file("docs/attacks.md", &len);
    char *rest = strdup(text_cstr(&costs)), *save = NULL;
    REQUIRE(page != NULL && rest != NULL);
    for (char *row = strtok_r(rest, "\n", &save); row != NULL; row = strtok_r(NULL, "\n", &save)) {
        rows++;
        test_point(strstr(page, row) != NULL, "docs/attacks.md has %s", row);
    }
    /* And nothing that is not so any more. */
    unsigned told = 0;
    for (const char *at = page; (at = strstr(at, "](../scenarios/")) != NULL; at++)
        told++;
    CHECK(rows >= 20);
    CHECK_EQ(told, rows);
    free(rest);
    free(page);
    text_free(&costs);
}
