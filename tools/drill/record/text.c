/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

json_t *text_to_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    char *copy = memory_strdup(text);
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    json = json_string(copy);
    free(copy);
    if (!json)
        memory_exhausted(strlen(text));
    return json;
}

char *text_of_setting(const json_t *setting)
{
    if (json_is_string(setting))
        return memory_strdup(json_string_value(setting));
    return memory_printf("%.15g", json_number_value(setting));
}

static bool begins_character(char octet)
{
    return ((unsigned char)octet & 0xc0) != 0x80;
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    for (; *text; text++)
        columns += begins_character(*text);
    return columns;
}

/* C0, delete, and C1, which is C2 80 to C2 9F. */
static void replace_controls(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (*at < ' ' || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] <= 0x9f)
            at[0] = at[1] = '?';
    }
}

char *text_clean(const char *text, size_t columns)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    json_t *json = text_to_json(text);
    char *copy = memory_printf("%s%s", json_string_value(json), ellipsis); /* room for it */
    json_decref(json);
    copy[strlen(copy) - strlen(ellipsis)] = '\0';
    replace_controls(copy);
    if (text_columns(copy) <= columns)
        return copy;
    size_t kept = 0;
    char *at = copy;
    while (kept < columns || !begins_character(*at))
        kept += begins_character(*at++);
    while (!begins_character(*--at)) /* the last one makes room */
        ;
    strcpy(at, ellipsis);
    return copy;
}
