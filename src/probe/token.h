/* SPDX-License-Identifier: BSD-2-Clause */
/* What tells messages of ours from all others, and from each other: a token in a header of their
 * own, unique in the world. Letters and digits only, so that every server can search for it. Pure;
 * any thread.
 *
 *     3f09c2d471aa58e0t12n345s1795322072z
 *     random, of the  t owner   s when it was
 *     process             n number  written */
#ifndef EVERMX_PROBE_TOKEN_H
#define EVERMX_PROBE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#define TOKEN_HEADER "X-Evermx-Probe"

enum { TOKEN_SIZE = 80, TOKEN_FAMILY_SIZE = 32 };

/* A family is what all tokens of one owner begin with, and no others. */
void token_family(uint64_t random, uint32_t owner, char family[TOKEN_FAMILY_SIZE]);

struct token {
    char family[TOKEN_FAMILY_SIZE];
    uint64_t number;
    int64_t written_s; /* of the calendar */
};

void token_write(const struct token *token, char text[TOKEN_SIZE]);
/* False: it is none. */
bool token_read(const char *text, struct token *token);

#endif
