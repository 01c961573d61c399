/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RANDOM_DIGITS = 16 };

void token_family(uint64_t random, uint32_t owner, char family[TOKEN_FAMILY_SIZE])
{
    snprintf(family, TOKEN_FAMILY_SIZE, "%0*" PRIx64 "t%" PRIu32 "n", RANDOM_DIGITS, random, owner);
}

void token_write(const struct token *token, char text[TOKEN_SIZE])
{
    snprintf(text, TOKEN_SIZE, "%s%" PRIu64 "s%" PRId64 "z", token->family, token->number,
             token->written_s);
}

/* Digits, and the letter behind them. NULL: they are not there. */
static const char *read_number(const char *text, char end, uint64_t *number)
{
    const size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 18 || text[digits] != end)
        return NULL;
    *number = 0;
    for (size_t i = 0; i < digits; i++)
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    return text + digits + 1;
}

bool token_read(const char *text, struct token *token)
{
    uint64_t owner, written_s = 0;
    const char *at = text + RANDOM_DIGITS;

    if (strspn(text, "0123456789abcdef") != RANDOM_DIGITS || *at != 't')
        return false;
    at = read_number(at + 1, 'n', &owner);
    if (!at || at - text >= TOKEN_FAMILY_SIZE)
        return false;
    memcpy(token->family, text, (size_t)(at - text));
    token->family[at - text] = '\0';
    at = read_number(at, 's', &token->number);
    if (!at)
        return false;
    at = read_number(at, 'z', &written_s);
    token->written_s = (int64_t)written_s;
    return at && *at == '\0';
}
