/* Points in time as people write them. */
#ifndef BANYAN_BASE_WHEN_H
#define BANYAN_BASE_WHEN_H

#include "base/bytes.h"
#include "base/text.h"

/* Seconds since 1970 from "2020-10-22T00:00:00Z" (RFC 3339, also with an offset such as +02:00, a
 * space for the T, or the date alone: midnight UTC), from the fourteen digits of DNSSEC
 * (20201022000000) or from plain seconds (at most eleven digits). False if it is none of these or
 * no such moment exists. */
bool when_parse(struct bytes text, uint64_t *ret);
/* "2020-10-22T00:00:00Z" */
void when_text(uint64_t seconds, struct text *out);
/* "20201022000000" */
void when_digits(uint64_t seconds, struct text *out);
/* The date as a number: 20201022. */
uint32_t when_date(uint64_t seconds);
/* A length of time in words, two units at most: "3 d 4 h", "12 min". */
void when_length(uint64_t seconds, struct text *out);

#endif
