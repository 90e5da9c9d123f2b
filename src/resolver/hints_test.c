#include "base/test.h"
#include "resolver/hints.h"

TEST(builtin_hints_are_thirteen_servers)
{
    struct root_hint h[ROOT_HINTS_MAX];
    CHECK_EQ(root_hints_builtin(h, ROOT_HINTS_MAX), 26);
    CHECK_EQ(root_hints_builtin(h, 5), 5);
}

/* RFC 9609 section 2: a hints file is a list of names and addresses. */
TEST(hints_file_is_read)
{
    struct root_hint h[ROOT_HINTS_MAX];
    size_t n;
    struct diag d = {0};
    CHECK_EQ(root_hints_read(bytes_str("; comment\n. 3600 IN NS a.x.\r\na.x. 3600 A 192.0.2.1\n"
                                       "A.X. AAAA 2001:db8::1 ; here\nb.x. A 192.0.2.2"),
                             h, ROOT_HINTS_MAX, &n, &d),
             ST_OK);
    CHECK_EQ(n, 2);
    CHECK_EQ(root_hints_read(bytes_str(". NS a.x.\n"), h, ROOT_HINTS_MAX, &n, &d), ST_ENOTFOUND);
    CHECK(root_hints_read(bytes_str(". NS a.x.\na.x. A 192.0.2\n"), h, ROOT_HINTS_MAX, &n, &d) !=
          ST_OK);
    CHECK_EQ(d.line, 2);
    CHECK(root_hints_read(bytes_str(". NS a.x.\na.x. A 192.0.2.1\na.x. A 192.0.2.2\n"), h, 1, &n,
                          &d) == ST_ELIMIT);
}
