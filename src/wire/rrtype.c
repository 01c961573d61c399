/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of record types, from ldns's table of them. Pure; see rrtype.h. */
#include "wire/rrtype.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Question types, which ldns's table of records does not hold. */
static const struct {
    uint16_t rrtype;
    const char *text;
} question_types[] = {{RRTYPE_IXFR, "IXFR"},
                      {RRTYPE_AXFR, "AXFR"},
                      {253, "MAILB"},
                      {254, "MAILA"},
                      {RRTYPE_ANY, "ANY"}};

enum { QUESTION_TYPES = sizeof(question_types) / sizeof(question_types[0]) };

/* "65280" of "TYPE65280": RFC 3597 section 5. */
static bool number_from_text(const char *digits, uint16_t *rrtype)
{
    size_t size = strlen(digits);
    if (size == 0 || size > 5 || strspn(digits, "0123456789") != size)
        return false;
    unsigned long number = strtoul(digits, NULL, 10);
    *rrtype = (uint16_t)number;
    return number <= UINT16_MAX;
}

bool rrtype_from_text(const char *text, uint16_t *rrtype)
{
    if (strncasecmp(text, "TYPE", 4) == 0)
        return number_from_text(text + 4, rrtype);
    for (size_t i = 0; i < QUESTION_TYPES; i++) {
        if (strcasecmp(text, question_types[i].text) == 0) {
            *rrtype = question_types[i].rrtype;
            return true;
        }
    }
    *rrtype = (uint16_t)ldns_get_rr_type_by_name(text);
    return *rrtype != 0;
}

char *rrtype_to_text(uint16_t rrtype, char text[RRTYPE_TEXT_SIZE])
{
    const char *known = ldns_rr_descript(rrtype)->_name;
    for (size_t i = 0; i < QUESTION_TYPES; i++)
        if (question_types[i].rrtype == rrtype)
            known = question_types[i].text;
    if (known != NULL)
        snprintf(text, RRTYPE_TEXT_SIZE, "%s", known);
    else
        snprintf(text, RRTYPE_TEXT_SIZE, "TYPE%u", rrtype);
    return text;
}

bool rrtype_is_meta(uint16_t rrtype)
{
    return (rrtype >= 128 && rrtype <= 255) || rrtype == RRTYPE_OPT;
}
