#include "io/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int level_priority[] = {3, 4, 6, 7};
static _Atomic int level_now = LEVEL_INFO;
static _Atomic bool to_journal;

/* $JOURNAL_STREAM names the device and inode of the stream that the journal reads. */
static bool journal_reads(void)
{
    const char *s = getenv("JOURNAL_STREAM");
    struct stat st;
    unsigned long long dev, ino;
    return s != NULL && sscanf(s, "%llu:%llu", &dev, &ino) == 2 && fstat(2, &st) == 0 &&
           st.st_dev == dev && st.st_ino == ino;
}

void log_open(enum config_log_target target)
{
    to_journal = target == TARGET_JOURNAL || (target == TARGET_AUTO && journal_reads());
}

void log_set_level(enum config_log_level level)
{
    level_now = (int)level;
}

enum config_log_level log_level(void)
{
    return (enum config_log_level)level_now;
}

const char *log_level_name(enum config_log_level level)
{
    return level_names[level];
}

bool log_level_from(const char *name, enum config_log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(level_names[i], name) == 0) {
            *ret = (enum config_log_level)i;
            return true;
        }
    }
    return false;
}

void log_value(const char *s, struct text *out)
{
    bool quote = s[0] == '\0' || strpbrk(s, " \"=\\\n\t") != NULL;
    if (quote)
        text_char(out, '"');
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            text_char(out, '\\');
        text_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    if (quote)
        text_char(out, '"');
}

void log_event(enum config_log_level level, const char *event, const char *fmt, ...)
{
    char buf[2048];
    struct text t = text_of(buf, sizeof buf - 1);
    if ((int)level > level_now)
        return;
    if (to_journal) {
        text_fmt(&t, "<%d>%s", level_priority[level], event);
    } else {
        struct timespec ts;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &ts);
        gmtime_r(&ts.tv_sec, &tm);
        char when[32];
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
        text_fmt(&t, "%s.%03ldZ %s %s", when, ts.tv_nsec / 1000000, level_names[level], event);
    }
    if (fmt != NULL && fmt[0] != '\0') {
        va_list ap;
        text_char(&t, ' ');
        va_start(ap, fmt);
        text_vfmt(&t, fmt, ap);
        va_end(ap);
    }
    size_t n = t.n;
    buf[n++] = '\n';
    /* One write, so that lines of several threads do not mix. Nobody can be told of a failure. */
    ssize_t put = write(2, buf, n);
    (void)put;
}

void log_diag(const char *event, const struct diag *d)
{
    char buf[1600];
    struct text t = text_of(buf, sizeof buf);
    if (d->file != NULL) {
        text_str(&t, "file=");
        log_value(d->file, &t);
        text_char(&t, ' ');
    }
    if (d->line > 0)
        text_fmt(&t, "line=%u ", d->line);
    if (d->column > 0)
        text_fmt(&t, "column=%u ", d->column);
    text_str(&t, "message=");
    log_value(d->message, &t);
    if (d->hint[0] != '\0') {
        text_str(&t, " hint=");
        log_value(d->hint, &t);
    }
    log_event(d->severity == SEV_ERROR     ? LEVEL_ERROR
              : d->severity == SEV_WARNING ? LEVEL_WARNING
                                           : LEVEL_INFO,
              event, "%s", text_cstr(&t));
}
