#include "io/front.h"

#include "base/limits.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum status front_init(struct front *f, struct loop *loop, struct client_table *clients,
                       struct io_counters *count)
{
    memset(f, 0, sizeof *f);
    f->loop = loop;
    f->clients = clients;
    f->count = count;
    conns_init(f);
    f->batch = udp_batch_new();
    f->tcp_in = malloc(TCP_READ);
    f->tcp_out = malloc(TCP_WRITE);
    return f->batch && f->tcp_in && f->tcp_out ? ST_OK : ST_ENOMEM;
}

enum status front_listen(struct front *f, const struct netaddr *addrs, const int (*fds)[2],
                         size_t n)
{
    f->listeners = calloc(2 * n, sizeof *f->listeners);
    if (f->listeners == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < 2 * n; i++) {
        struct listener *l = &f->listeners[f->listener_n++];
        *l = (struct listener){.front = f, .local = addrs[i / 2], .tcp = i % 2 == 1};
        l->any = netaddr_is_any(&l->local);
        l->alone = f->alone;
        l->w = (struct loop_watch){.fd = fds[i / 2][i % 2],
                                   .patient = l->tcp,
                                   .ready = l->tcp ? tcp_accept_ready : udp_ready};
        TRY(loop_add(f->loop, &l->w, EPOLLIN));
    }
    return ST_OK;
}

void front_free(struct front *f)
{
    for (size_t i = 0; i < f->listener_n; i++) {
        loop_timer_stop(f->loop, &f->listeners[i].again);
        loop_close(f->loop, &f->listeners[i].w);
    }
    if (f->loop != NULL)
        conns_close(f);
    free(f->listeners);
    free(f->waiting);
    free(f->batch);
    free(f->tcp_in);
    free(f->tcp_out);
}

/* Room for more waiting requests, doubled up to WAITING_MAX. Connections point at entries through
 * lists, so those are rebuilt; it happens a few times in a process's life. */
bool waiting_grow(struct front *f)
{
    uint32_t n = f->waiting_n ? 2 * f->waiting_n : 256;
    if (n > WAITING_MAX)
        return false;
    struct waiting *v = calloc(n, sizeof *v);
    if (v == NULL)
        return false;
    for (uint32_t i = 0; i < f->waiting_n; i++) {
        v[i] = f->waiting[i];
        if (v[i].used && v[i].conn != NULL) {
            v[i].of_conn.prev->next = &v[i].of_conn;
            v[i].of_conn.next->prev = &v[i].of_conn;
        } else {
            list_init(&v[i].of_conn);
        }
    }
    for (uint32_t i = f->waiting_n; i < n; i++) {
        list_init(&v[i].of_conn);
        v[i].next_free = f->waiting_free;
        f->waiting_free = i + 1;
    }
    free(f->waiting);
    f->waiting = v;
    f->waiting_n = n;
    return true;
}

void waiting_keep(struct front *f, struct waiting *w)
{
    f->waiting_free = w->next_free;
    w->used = true;
}

void waiting_free(struct front *f, struct waiting *w)
{
    list_remove(&w->of_conn);
    w->used = false;
    w->conn = NULL;
    w->udp = NULL;
    w->generation++;
    w->next_free = f->waiting_free;
    f->waiting_free = (uint32_t)(w - f->waiting) + 1;
}

static struct waiting *waiting_of(struct front *f, uint64_t token)
{
    uint32_t i = (uint32_t)token;
    if (i == 0 || i > f->waiting_n)
        return NULL;
    struct waiting *w = &f->waiting[i - 1];
    return w->used && w->generation == (uint32_t)(token >> 32) ? w : NULL;
}

void front_answer(struct front *f, uint64_t token, struct bytes answer)
{
    struct waiting *w = waiting_of(f, token);
    if (w == NULL)
        return;
    if (w->udp != NULL)
        udp_answer(f, w, answer);
    else
        tcp_answer(f, w, answer);
}

void front_flush(struct front *f)
{
    udp_flush(f);
    conns_flush(f);
}

void front_forget(struct front *f, uint64_t token)
{
    struct waiting *w = waiting_of(f, token);
    if (w == NULL)
        return;
    if (w->udp != NULL)
        waiting_free(f, w);
    else
        tcp_answered(f, w);
}
