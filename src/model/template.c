/* SPDX-License-Identifier: BSD-2-Clause */
/* See template.h. */
#include "model/template.h"

enum { UPPERCASE = 'Z' - 'A' + 1, DIGITS = 256 - UPPERCASE };

/* Names are compared in lower case: two markers must differ in more. */
static uint8_t digit_octet(uint32_t digit)
{
    return (uint8_t)(digit < 'A' ? digit : digit + UPPERCASE);
}

static uint32_t octet_digit(uint8_t octet)
{
    return octet < 'A' ? octet : octet - (uint32_t)UPPERCASE;
}

void template_marker(uint32_t number, uint8_t apex[TEMPLATE_APEX_SIZE])
{
    apex[0] = 3;
    apex[1] = 0;
    apex[2] = digit_octet(number / DIGITS);
    apex[3] = digit_octet(number % DIGITS);
    apex[4] = 0;
}

uint32_t template_number(const uint8_t apex[TEMPLATE_APEX_SIZE])
{
    return octet_digit(apex[2]) * DIGITS + octet_digit(apex[3]);
}

bool name_is_in_template(const uint8_t *name, size_t *prefix_size)
{
    const uint8_t *label = name, *last = name;
    for (; *label != 0; label += 1u + *label)
        last = label;
    *prefix_size = (size_t)(last - name);
    return last[0] == 3 && last[1] == 0;
}
