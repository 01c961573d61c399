/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of evermxd's control socket, for people. */
#ifndef EVERMXCTL_PRINT_H
#define EVERMXCTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>

bool print_knows(const char *word); /* whether there is such a command */

/* Prints the answer to a command; makes its strings printable. False: it is an error (which goes to
 * stderr). */
bool print_answer(const char *word, bool coloured, json_t *answer);

#endif
