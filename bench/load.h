/* What the ways to ask have in common: the queries, the count of what came back. */
#ifndef BANYAN_BENCH_LOAD_H
#define BANYAN_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_MAX 512

struct tcp_how {
    const char *address, *port;
    bool connect_each;            /* a connection for every query */
    unsigned connections, window; /* 0: the usual numbers */
};

/* quota: queries that may still be sent */
extern uint64_t sent, answered, lost, quota, timeout_ns;

void fail(const char *what);
uint64_t now_ns(void);
/* Copies the next query to a place of QUERY_MAX bytes; returns its length. */
size_t take_query(uint8_t *to);
/* Counts an answer of at least 12 bytes that took ns. */
void note_answer(const uint8_t *p, size_t len, uint64_t ns);
/* Asks over TCP for ns; returns the seconds for which queries were sent. */
double run_tcp(const struct tcp_how *how, uint64_t ns);

#endif
