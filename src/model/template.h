/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of templates: zones whose records are relative, and stand for each of a list of domains.
 * A template is read with a marker for its origin, one label of three octets: a zero, which no name
 * of a host or a mail domain has, and the template's number. So a template is a zone like any other
 * for all that is derived from it, and a name in it that is relative is one that ends in a marker.
 * Pure. */
#ifndef EVERMX_MODEL_TEMPLATE_H
#define EVERMX_MODEL_TEMPLATE_H

#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TEMPLATE_APEX_SIZE = 5,
    TEMPLATES_MAX = 230 * 230, /* octets that do not change in lower case, twice */
};

/* The marker of a template, by its number. */
void template_marker(uint32_t number, uint8_t apex[TEMPLATE_APEX_SIZE]);
uint32_t template_number(const uint8_t apex[TEMPLATE_APEX_SIZE]);

/* Whether the name ends in a marker; *prefix_size: the octets before it, 0 at the apex. */
bool name_is_in_template(const uint8_t *name, size_t *prefix_size);

#endif
