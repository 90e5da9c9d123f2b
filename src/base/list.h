/* Intrusive doubly linked list: a ring through a head that holds no element. */
#ifndef BANYAN_BASE_LIST_H
#define BANYAN_BASE_LIST_H

#include "base/attr.h"
#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_append(struct list *head, struct list *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

/* Takes n out; n becomes a ring of its own, so taking it out twice does no harm. */
static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define LIST_FOR(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The same where the body may take `it` out. */
#define LIST_FOR_SAFE(it, tmp, head)                                                               \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

#endif
