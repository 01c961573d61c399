/* SPDX-License-Identifier: BSD-2-Clause */
#include "member.h"

const char *member_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : "-";
}

bool member_is_text(const json_t *object, const char *key)
{
    return json_is_string(json_object_get(object, key));
}

long long member_integer(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

bool member_is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const char *member_duration(const json_t *object, const char *key, char text[DURATION_SIZE])
{
    return text_duration(json_number_value(json_object_get(object, key)), text);
}
