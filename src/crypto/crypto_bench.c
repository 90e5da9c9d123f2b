/* Signatures made and verified a second, on one thread and on several, beside what the library says
 * of itself (`openssl speed`).
 *
 *     crypto_bench [ALGORITHM [THREADS [SECONDS]]] */
#include "crypto/key.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct lane {
    pthread_t thread;
    const struct sec_key *key;
    bool verify;
    double seconds, rate;
};

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    uint8_t data[120] = {1}, sig[SIGNATURE_MAX];
    size_t n = 0;
    struct sec_key *k = sec_key_share(l->key);
    if (k == NULL || sec_sign(k, bytes_of(data, sizeof data), sig, &n) != ST_OK)
        abort();
    double start = now(), t = start;
    uint64_t count = 0;
    while (t - start < l->seconds) {
        for (int i = 0; i < 64; i++, count++) {
            struct bytes b = bytes_of(data, sizeof data);
            if ((l->verify ? sec_verify(k, b, bytes_of(sig, n)) : sec_sign(k, b, sig, &n)) != ST_OK)
                abort();
        }
        t = now();
    }
    l->rate = (double)count / (t - start);
    sec_key_free(k);
    return NULL;
}

static double measure(const struct sec_key *k, bool verify, unsigned threads, double seconds)
{
    struct lane l[64];
    double sum = 0;
    for (unsigned i = 0; i < threads; i++) {
        l[i] = (struct lane){.key = k, .verify = verify, .seconds = seconds};
        if (pthread_create(&l[i].thread, NULL, lane_main, &l[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(l[i].thread, NULL);
        sum += l[i].rate;
    }
    return sum;
}

int main(int argc, char **argv)
{
    uint8_t only = argc > 1 ? (uint8_t)strtoul(argv[1], NULL, 10) : 0;
    unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 1;
    threads = MIN(MAX(threads, 1u), 64u);
    for (uint8_t a = 0; (a = sec_algorithm_next(a)) != 0;) {
        struct sec_key *k = NULL;
        if ((only != 0 && a != only) || !sec_algorithm_signs(a))
            continue;
        if (sec_key_generate(a, 2048, &k) != ST_OK)
            return 1;
        printf("%-16s threads=%u sign/s=%.0f verify/s=%.0f\n", sec_algorithm_name(a), threads,
               measure(k, false, threads, seconds), measure(k, true, threads, seconds));
        fflush(stdout);
        sec_key_free(k);
    }
    return 0;
}
