/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain names in the configuration; see domain.h. */
#include "config/domain.h"

#include <stdbool.h>
#include <string.h>

enum {
    LABEL_MAX = 63,   /* octets (RFC 1035 section 2.3.4) */
    TEXT_SHOWN = 260, /* of a bad name in a message */
};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static bool is_letter(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

/* One octet at text, plain or escaped. Returns how many characters it took, 0 when it is none. */
static size_t octet_parse(const char *text, uint8_t *octet)
{
    if (text[0] != '\\') {
        *octet = (uint8_t)text[0];
        return is_letter(text[0]) || is_digit(text[0]) || text[0] == '-' || text[0] == '_' ||
               text[0] == '*';
    }
    if (!is_digit(text[1])) {
        *octet = (uint8_t)text[1];
        return text[1] ? 2 : 0;
    }
    if (!is_digit(text[2]) || !is_digit(text[3]))
        return 0;
    int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
    *octet = (uint8_t)value;
    return value <= UINT8_MAX ? 4 : 0;
}

static size_t refuse(struct error *error, const char *text, const char *why)
{
    return error_set(error, "'%.*s' is no domain name: %s", TEXT_SHOWN, text, why);
}

size_t domain_parse(const char *text, uint8_t key[DOMAIN_MAX_SIZE], struct error *error)
{
    size_t label = 0,
           at = 1; /* key[label] becomes the length of the label that ends before key[at] */
    size_t taken = 1;
    for (const char *rest = text; *rest; rest += taken) {
        /* The last octet is the root's; a last dot stands for it. */
        if (at >= DOMAIN_MAX_SIZE - 1 && strcmp(rest, ".") != 0)
            return refuse(error, text, "it has more than 255 octets");
        if (*rest == '.') {
            if (at == label + 1)
                return refuse(error, text, "it has an empty label");
            key[label] = (uint8_t)(at - label - 1);
            label = at++;
            taken = 1;
            continue;
        }
        if (at - label > LABEL_MAX)
            return refuse(error, text, "a label has more than 63 octets");
        taken = octet_parse(rest, &key[at]);
        if (!taken)
            return refuse(error, text,
                          "letters, digits, '-', '_' and '*' can stand in it; other "
                          "octets as \\DDD, international names in their xn-- form");
        if (is_letter((char)key[at]))
            key[at] |= 0x20;
        at++;
    }
    if (at > label + 1) { /* no dot at the end */
        key[label] = (uint8_t)(at - label - 1);
        label = at;
    }
    key[label] = 0;
    return label ? label + 1 : refuse(error, text, "it is empty");
}
