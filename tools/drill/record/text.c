/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include "base/display.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
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

char *text_clean(const char *text, size_t columns)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    json_t *json = text_to_json(text);
    char *copy = memory_printf("%s%s", json_string_value(json), ellipsis); /* room for it */
    json_decref(json);
    copy[strlen(copy) - strlen(ellipsis)] = '\0';
    display_clean(copy);
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

void text_say(FILE *file, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        memory_exhausted(0);
    va_end(arguments);
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        bool whole = *end == '\n';
        if (whole)
            *end++ = '\0';
        char *clean = text_clean(line, SIZE_MAX);
        fprintf(file, whole ? "%s\n" : "%s", clean);
        free(clean);
    }
    free(text);
}
