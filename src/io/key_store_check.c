/* Is an LMDB data file what LMDB takes it for? The library maps the file and follows its page
 * numbers and offsets unchecked; a file damaged by a disk or a person would end the server. This
 * walks the same pages first, with bounds (format of LMDB 0.9, data version 1). */
#include "io/key_store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE_HEAD = 16,
    NODE_HEAD = 8,
    DB_SIZE = 48,
    DEPTH_MAX = 30,
    PAGE_MIN = 4096,
    PAGE_MAX = 32768,
    P_BRANCH = 1,
    P_LEAF = 2,
    P_OVERFLOW = 4,
    P_META = 8,
    F_BIGDATA = 1,
    F_SUBDATA = 2,
    INTEGER_KEYS = 8,
};

static const uint32_t meta_magic = 0xBEEFC0DE, meta_version = 1;
static const uint64_t no_page = UINT64_MAX;

enum tree { TREE_FREE, TREE_MAIN, TREE_DATA };

struct db {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

struct walk {
    int fd;
    size_t psize;
    uint64_t pages; /* in the file, and below the last page that was ever used */
    uint8_t *seen;  /* a bit for each */
    const char *what;
};

struct node {
    const uint8_t *p;
    size_t size, key_n;
    uint16_t flags;
};

static bool bad(struct walk *w, const char *what)
{
    w->what = what;
    return false;
}

/* The file is of this machine's byte order. */
static uint16_t u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static struct db db_read(const uint8_t *p)
{
    return (struct db){u32(p),      u16(p + 4),  u16(p + 6),  u64(p + 8),
                       u64(p + 16), u64(p + 24), u64(p + 32), u64(p + 40)};
}

static bool read_at(struct walk *w, uint64_t offset, void *to, size_t n)
{
    while (n > 0) {
        ssize_t got = pread(w->fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return bad(w, got < 0 ? "it cannot be read" : "it ends too early");
        to = (uint8_t *)to + got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* Takes n pages; false if one is out of the file or belongs to something else. */
static bool claim(struct walk *w, uint64_t page, uint64_t n)
{
    if (page < 2 || page >= w->pages || n == 0 || n > w->pages - page)
        return bad(w, "a page number leads out of the file");
    for (uint64_t i = page; i < page + n; i++) {
        if (w->seen[i / 8] & 1u << i % 8)
            return bad(w, "a page belongs to two things");
        w->seen[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return true;
}

static bool overflow(struct walk *w, uint64_t page, size_t size)
{
    uint8_t head[PAGE_HEAD];
    if (page < 2 || page >= w->pages)
        return bad(w, "a page number leads out of the file");
    if (!read_at(w, page * w->psize, head, sizeof head))
        return false;
    uint64_t n = u32(head + 12);
    if (u64(head) != page || u16(head + 10) != P_OVERFLOW ||
        n != (PAGE_HEAD - 1 + size) / w->psize + 1)
        return bad(w, "a page of a long value is not what it should be");
    return claim(w, page, n);
}

/* A record of the free list: a count and as many page numbers, descending. */
static bool free_pages(struct walk *w, const struct node *v, uint64_t data_page)
{
    uint8_t *copy = malloc(v->size + 1);
    bool ok = copy != NULL || bad(w, "out of memory");
    const uint8_t *data = v->p + NODE_HEAD + v->key_n;
    if (ok && v->flags & F_BIGDATA)
        ok = read_at(w, data_page * w->psize + PAGE_HEAD, copy, v->size);
    else if (ok)
        memcpy(copy, data, v->size);
    uint64_t n = ok && v->size >= 8 ? u64(copy) : 0;
    if (ok && (v->size < 8 || n > (v->size - 8) / 8))
        ok = bad(w, "the list of free pages is too short");
    for (uint64_t i = 0; ok && i < n; i++)
        ok = claim(w, u64(copy + 8 + i * 8), 1);
    free(copy);
    return ok;
}

static bool tree(struct walk *w, const struct db *db, enum tree kind);

static bool leaf_node(struct walk *w, const struct node *v, enum tree kind)
{
    const uint8_t *data = v->p + NODE_HEAD + v->key_n;
    if (kind == TREE_MAIN) {
        struct db sub;
        if (v->flags != F_SUBDATA || v->size != DB_SIZE)
            return bad(w, "the list of databases holds something else");
        sub = db_read(data);
        return sub.flags == 0 ? tree(w, &sub, TREE_DATA) : bad(w, "a database has odd flags");
    }
    uint64_t page = v->flags & F_BIGDATA ? u64(data) : 0;
    if ((v->flags & ~F_BIGDATA) != 0)
        return bad(w, "a record has odd flags");
    if (v->flags & F_BIGDATA && !overflow(w, page, v->size))
        return false;
    if (kind == TREE_FREE)
        return v->key_n == 8 ? free_pages(w, v, page) : bad(w, "the list of free pages is odd");
    return v->key_n > 0 && v->key_n <= LIMIT_NAME ? true : bad(w, "a record's name is too long");
}

/* The node at a place of a page; counts its bytes. */
static bool node_at(struct walk *w, const uint8_t *page, bool leaf, size_t i, struct node *ret,
                    size_t *total)
{
    size_t upper = u16(page + 14), at = u16(page + PAGE_HEAD + 2 * i);
    if (at < upper || at + NODE_HEAD > w->psize || (at & 1) != 0)
        return bad(w, "a record lies outside its page");
    const uint8_t *p = page + at;
    *ret = (struct node){.p = p, .key_n = u16(p + 6), .flags = u16(p + 4)};
    size_t n = NODE_HEAD + ret->key_n;
    if (leaf) {
        ret->size = u16(p) | (size_t)u16(p + 2) << 16;
        n += ret->flags & F_BIGDATA ? 8 : ret->size;
    }
    if (n > w->psize - at)
        return bad(w, "a record reaches out of its page");
    *total += (n + 1) & ~(size_t)1;
    return true;
}

static bool ascending(enum tree kind, const struct node *a, const struct node *b)
{
    const uint8_t *x = a->p + NODE_HEAD, *y = b->p + NODE_HEAD;
    if (kind == TREE_FREE)
        return a->key_n == 8 && b->key_n == 8 && u64(x) < u64(y);
    int c = memcmp(x, y, MIN(a->key_n, b->key_n));
    return c < 0 || (c == 0 && a->key_n < b->key_n);
}

static bool page_walk(struct walk *w, uint64_t number, unsigned depth, enum tree kind, uint8_t *buf)
{
    if (!claim(w, number, 1) || !read_at(w, number * w->psize, buf, w->psize))
        return false;
    size_t lower = u16(buf + 12), upper = u16(buf + 14), total = 0;
    bool leaf = depth == 1;
    if (u64(buf) != number || u16(buf + 10) != (leaf ? P_LEAF : P_BRANCH))
        return bad(w, "a page is not what it should be");
    if (lower < PAGE_HEAD + (leaf ? 2u : 4u) || lower > upper || upper > w->psize || lower & 1)
        return bad(w, "a page has a bad head");
    size_t n = (lower - PAGE_HEAD) / 2;
    struct node v, last = {0};
    for (size_t i = 0; i < n; i++) {
        if (!node_at(w, buf, leaf, i, &v, &total))
            return false;
        if (i > (leaf ? 0u : 1u) && !ascending(kind, &last, &v))
            return bad(w, "records are out of order");
        last = v;
        if (leaf ? !leaf_node(w, &v, kind)
                 : !page_walk(w, u16(v.p) | (uint64_t)u16(v.p + 2) << 16 | (uint64_t)v.flags << 32,
                              depth - 1, kind, buf + w->psize))
            return false;
    }
    return total == w->psize - upper || bad(w, "records overlap");
}

static bool tree(struct walk *w, const struct db *db, enum tree kind)
{
    if (db->root == no_page)
        return db->depth == 0 && db->entries == 0 ? true : bad(w, "a tree has no root");
    if (db->depth == 0 || db->depth > DEPTH_MAX)
        return bad(w, "a tree is too deep");
    uint8_t *buf = malloc(db->depth * w->psize);
    bool ok = buf != NULL ? page_walk(w, db->root, db->depth, kind, buf) : bad(w, "out of memory");
    free(buf);
    return ok;
}

/* The head of a meta page; false if it is none. */
static bool meta_read(struct walk *w, unsigned number, uint8_t buf[152])
{
    if (!read_at(w, number * w->psize, buf, 152))
        return false;
    if (u64(buf) != number || (u16(buf + 10) & P_META) == 0 || u32(buf + 16) != meta_magic)
        return bad(w, "it is no LMDB file");
    if (u32(buf + 20) != meta_version)
        return bad(w, "it was written by another version of LMDB");
    if (u32(buf + 40) != w->psize || (u16(buf + 44) & ~INTEGER_KEYS) != 0 || u16(buf + 92) != 0)
        return bad(w, "its head is damaged");
    return true;
}

bool key_store_check(int fd, uint64_t *ret_txn, const char **ret_what)
{
    uint8_t meta[2][152];
    struct stat st;
    struct walk w = {.fd = fd, .what = "it cannot be read"};
    *ret_txn = 0;
    *ret_what = w.what;
    bool ok = fstat(fd, &st) == 0 && read_at(&w, 0, meta[0], sizeof meta[0]);
    w.psize = ok ? u32(meta[0] + 40) : 0;
    if (ok && (w.psize < PAGE_MIN || w.psize > PAGE_MAX || (w.psize & (w.psize - 1)) != 0))
        ok = bad(&w, "it is no LMDB file");
    ok = ok && meta_read(&w, 0, meta[0]) && meta_read(&w, 1, meta[1]);
    if (ok) {
        const uint8_t *m = meta[u64(meta[0] + 144) < u64(meta[1] + 144)];
        uint64_t used = u64(m + 136), file = (uint64_t)st.st_size / w.psize;
        struct db free_db = db_read(m + 40), main_db = db_read(m + 88);
        *ret_txn = u64(m + 144);
        w.pages = used < file ? used + 1 : file;
        w.seen = calloc(1, w.pages / 8 + 1);
        if ((uint64_t)st.st_size % w.psize != 0)
            ok = bad(&w, "it ends in the middle of a page");
        else if (used > LIMIT_KEY_STORE_BYTES / w.psize)
            ok = bad(&w, "its head is damaged");
        else
            ok = w.seen != NULL && tree(&w, &free_db, TREE_FREE) && tree(&w, &main_db, TREE_MAIN);
        free(w.seen);
    }
    *ret_what = w.what;
    return ok;
}
