/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain.h"

#include "member.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

/* "served", "demoted", ...: in words, and the targets that decide it. */
static void print_record(bool coloured, const json_t *record, const json_t *targets)
{
    static const struct {
        const char *state, *words;
        enum colour colour;
    } states[] = {
        {"served", "served", GREEN},
        {"demoted", "served, but behind all others", YELLOW},
        {"down", "held back", RED},
        {"standby", "held back: in reserve", YELLOW},
        {"floor", "served, though it is not well: kept in for min-capacity", YELLOW},
        {"outside", "never served: in no tier of the policy", FAINT},
    };
    const char *state = member_text(record, "state");
    const json_t *share = json_object_get(record, "percent");
    char percent[32] = "";
    size_t i = 0;
    while (i < sizeof states / sizeof *states - 1 && strcmp(states[i].state, state) != 0)
        i++;
    if (json_is_integer(share) && json_integer_value(share) < 100)
        snprintf(percent, sizeof percent, ", %lld%% of it now", member_integer(record, "percent"));
    printf("  %s", member_text(record, "text"));
    if (member_is_text(record, "host"))
        printf("  (weight %lld%s)", member_integer(record, "weight"), percent);
    fputs("  ", stdout);
    text_print(coloured, states[i].colour, states[i].words);
    putchar('\n');
    const json_t *numbers = json_object_get(record, "targets");
    for (i = 0; i < json_array_size(numbers); i++) {
        json_int_t number = json_integer_value(json_array_get(numbers, i));
        target_print(coloured, json_array_get(targets, (size_t)number));
    }
}

void explain_print(bool coloured, const json_t *answer)
{
    const json_t *records = json_object_get(answer, "records");
    const json_t *targets = json_object_get(answer, "targets");
    text_colour(coloured, BOLD);
    printf("%s %s", member_text(answer, "name"), member_text(answer, "type"));
    text_colour(coloured, PLAIN);
    printf(": %s\n", member_text(answer, "how"));
    if (member_is_text(answer, "owner"))
        printf("zone %s, owner %s, TTL %lld s\n", member_text(answer, "zone"),
               member_text(answer, "owner"), member_integer(answer, "ttl_s"));
    if (member_is_true(answer, "fail_open"))
        text_print(coloured, RED, "FAIL OPEN: all are down, and answered nevertheless\n");
    if (member_is_true(answer, "servfail"))
        text_print(coloured, RED, "SERVFAIL is answered: all are down\n");
    for (size_t i = 0; i < json_array_size(records); i++)
        print_record(coloured, json_array_get(records, i), targets);
}
