/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a question is answered as it is, for people. */
#ifndef EVERMXCTL_EXPLAIN_H
#define EVERMXCTL_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>

void explain_print(bool coloured, const json_t *answer);

#endif
