/* Binary to text and back: hex, base64 (RFC 4648 section 4), base32hex (RFC 4648 section 7). */
#ifndef BANYAN_BASE_CODEC_H
#define BANYAN_BASE_CODEC_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "base/writer.h"

/* Upper case. */
void hex_text(struct bytes b, struct text *out);
void base64_text(struct bytes b, struct text *out);
/* Without padding, lower case, as NSEC3 owner names are written (RFC 5155 section 3.3). */
void base32hex_text(struct bytes b, struct text *out);

/* Decoders append to out; ST_ESYNTAX on a foreign character or a wrong length, ST_ENOSPACE. */
enum status hex_parse(struct bytes t, struct writer *out) MUST_USE;
/* Padding is required and trailing bits must be zero. */
enum status base64_parse(struct bytes t, struct writer *out) MUST_USE;
/* No padding, either case. */
enum status base32hex_parse(struct bytes t, struct writer *out) MUST_USE;

#endif
