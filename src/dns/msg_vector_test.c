/* vectors/msg: whole messages and the verdict on each, from both parsers; and how options print. */
#include "base/codec.h"
#include "base/test.h"
#include "dns/print.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const words[] = {
#define STATUS(name, text) #name,
#include "base/status.def"
#undef STATUS
};

static void vector(char *verdict, char *hex, const char *what)
{
    static uint8_t wire[LIMIT_MESSAGE];
    struct writer w = wr_of(wire, sizeof wire);
    struct arena a;
    struct msg m;
    struct query_view q;
    arena_init(&a, 4096, 1 << 20);
    bool read = hex_parse(bytes_str(hex), &w) == ST_OK;
    enum status whole = msg_parse(wr_done(&w), &a, &m), quick = query_parse(wr_done(&w), &q);
    test_point(read && strcmp(words[whole], verdict) == 0 && (whole == ST_OK) == (quick == ST_OK),
               "%s: %s (msg_parse %s, query_parse %s)", what, verdict, words[whole], words[quick]);
    if (whole == ST_OK) {
        struct text t = text_heap(1 << 20);
        struct json j = json_of(&t, true);
        msg_text(&m, &t);
        msg_json(&m, &j);
        CHECK(t.n > 100 && !t.cut);
        text_free(&t);
    }
    arena_free(&a);
}

static unsigned file(const char *path)
{
    size_t n;
    unsigned count = 0;
    char *text = test_file(path, &n), *save = NULL;
    CHECK(text != NULL);
    for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save)) {
        char *hex = strstr(l, " | "), *what = hex ? strstr(hex + 3, " | ") : NULL;
        if (l[0] == '#' || what == NULL)
            continue;
        *hex = *what = '\0';
        vector(l, hex + 3, what + 3);
        count++;
    }
    free(text);
    return count;
}

TEST(message_vectors)
{
    CHECK(file("vectors/msg/good.txt") >= 40);
    CHECK(file("vectors/msg/bad.txt") >= 40);
}

/* Each option of the registry, as a person sees it. */
TEST(options_print)
{
    static const struct {
        uint16_t code;
        const char *hex, *text;
    } t[] = {
        {EDNS_LLQ, "000100010000112233445566778800000E10",
         "LLQ: version 1, opcode 1, error 0, id 1122334455667788, lease 3600 s"},
        {EDNS_UL, "00000E10", "UL: 3600 s"},
        {EDNS_NSID, "6E7331", "NSID: 6E7331 \"ns1\""},
        {EDNS_DAU, "080D", "DAU: 8 13"},
        {EDNS_ECS, "00011800C00002", "ECS: 192.0.2.0/24/0"},
        {EDNS_EXPIRE, "00000E10", "EXPIRE: 3600 s"},
        {EDNS_COOKIE, "0102030405060708", "COOKIE: 0102030405060708 (client only)"},
        {EDNS_KEEPALIVE, "0064", "KEEPALIVE: 10.0 s"},
        {EDNS_PADDING, "0000", "PADDING: 2 bytes"},
        {EDNS_CHAIN, "0161 00", "CHAIN: a."},
        {EDNS_KEY_TAG, "4F661234", "KEY-TAG: 20326 4660"},
        {EDNS_EDE, "00066279", "EDE: 6 (DNSSEC Bogus): \"by\""},
        {EDNS_CLIENT_TAG, "0002", "CLIENT-TAG: 2"},
        {EDNS_REPORT_CHANNEL, "016100", "REPORT-CHANNEL: a."},
        {EDNS_ZONEVERSION, "020000000001", "ZONEVERSION: 2 labels, SOA serial 1"},
        {65001, "ABCD", "OPT65001: ABCD"},
        {EDNS_NSID, "1B5B", "NSID: 1B5B \"\\027[\""}, /* nothing steers a terminal */
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        uint8_t buf[64];
        char out[200], hex[64];
        struct writer w = wr_of(buf, sizeof buf);
        struct text text = text_of(out, sizeof out);
        size_t n = 0;
        for (const char *h = t[i].hex; *h != '\0'; h++)
            if (*h != ' ')
                hex[n++] = *h;
        REQUIRE(hex_parse(bytes_of(hex, n), &w) == ST_OK);
        edns_option_text(t[i].code, wr_done(&w), &text);
        CHECK_STR(out, t[i].text);
    }
}
