/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain names in wire format (RFC 1035 section 3.1), uncompressed: length octets and labels,
 * closed by the root's zero octet. "Lower" means ASCII letters folded (RFC 4343). Pure. */
#ifndef EVERMX_WIRE_NAME_H
#define EVERMX_WIRE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NAME_MAX_SIZE = 255,       /* octets, with the root's (RFC 1035 section 2.3.4) */
    NAME_MAX_LABELS = 127,     /* without the root's */
    NAME_TEXT_SIZE = 1024 + 4, /* every octet may need \DDD */
};

/* Octets of a name that is known to be well-formed, with the root's. */
size_t name_size(const uint8_t *name);
unsigned name_labels(const uint8_t *name); /* without the root's */

/* Whether size octets at name are one whole well-formed name, and nothing more. */
bool name_valid(const uint8_t *name, size_t size);

/* From text ("mx1.example.test", with or without the last dot; \. and \DDD), always absolute.
 * Returns the size in octets, 0 when the text is no name. */
size_t name_from_text(const char *text, uint8_t name[NAME_MAX_SIZE]);

/* From size characters that may be relative: without the last dot they stand below origin. Where
 * that is NULL, relative names are refused. */
size_t name_parse(const char *text, size_t size, const uint8_t *origin,
                  uint8_t name[NAME_MAX_SIZE]);

/* To text without the last dot, "." for the root. Returns text. */
char *name_to_text(const uint8_t *name, char text[NAME_TEXT_SIZE]);

/* Copies with ASCII letters folded; returns the size. */
size_t name_lower(const uint8_t *name, uint8_t lower[NAME_MAX_SIZE]);

bool name_equal(const uint8_t *one, const uint8_t *other); /* case-insensitive */

/* Whether name is ancestor itself or stands below it. */
bool name_is_within(const uint8_t *name, const uint8_t *ancestor);

/* The name without its first label; NULL for the root. Points into name. */
const uint8_t *name_parent(const uint8_t *name);

bool name_is_wildcard(const uint8_t *name); /* its first label is "*" (RFC 4592) */

#endif
