/* What the ways to ask have in common: the queries, the count of what came back. */
#ifndef BANYAN_BENCH_LOAD_H
#define BANYAN_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUERY_MAX   512
#define SOCKETS     8
#define SOCKETS_MAX 512
#define PHASES      8

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
/* Counts an answer of at least 12 bytes that took ns, to a question of this phase. */
void note_answer(const uint8_t *p, size_t len, uint64_t ns, unsigned phase);
/* Opens the sockets, at least SOCKETS, connected to the server. */
void open_lines(const char *address, const char *port);
int line_fd(unsigned i);
/* Asks over TCP for ns; returns the seconds for which queries were sent. */
double run_tcp(const struct tcp_how *how, uint64_t ns);
/* Asks per_s times a second for ns; returns the seconds for which queries were sent. */
double run_rate(const char *address, const char *port, double per_s, uint64_t ns,
                unsigned *ret_phases);

#endif
