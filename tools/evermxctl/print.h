/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of evermxd's control socket, for people. */
#ifndef EVERMXCTL_PRINT_H
#define EVERMXCTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>

/* Whether there is such a command, and with so many words behind it. */
enum print_known { PRINT_UNKNOWN, PRINT_WRONG_COUNT, PRINT_KNOWN };
enum print_known print_knows(const char *word, size_t arguments);

/* As it came. False: it is an error. */
bool print_json(const json_t *answer);

/* Prints the answer to a command; makes its strings printable. False: it is an error (which goes to
 * stderr). */
bool print_answer(const char *word, bool coloured, json_t *answer);

#endif
