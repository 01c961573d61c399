/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that came from anywhere, made fit for JSON, a terminal or a plot. UTF-8; a code point
 * counts as one column. Pure; any thread. */
#ifndef EVERMX_DRILL_TEXT_H
#define EVERMX_DRILL_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* Never NULL: octets that are no UTF-8 become "?". */
json_t *text_to_json(const char *text);

/* A setting of a record, which is a text or a number, to be freed. */
char *text_of_setting(const json_t *setting);

/* A copy, to be freed: valid UTF-8 without what a terminal obeys or does not show: controls, and
 * characters that only direct how others are shown (of both directions, of no width: Unicode's
 * category Cf), which become "?". Of at most so many columns (1 or more); what was longer ends in
 * "...", as one character. */
char *text_clean(const char *text, size_t columns);

/* Prints lines for people, clean in all but their ends. */
void text_say(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t text_columns(const char *text);

#endif
