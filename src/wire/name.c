/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain names in wire format. Pure; see name.h. */
#include "wire/name.h"

#include <string.h>

enum { LABEL_MAX = 63 };

static uint8_t octet_lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

size_t name_size(const uint8_t *name)
{
    size_t size = 0;
    while (name[size] != 0)
        size += 1u + name[size];
    return size + 1;
}

unsigned name_labels(const uint8_t *name)
{
    unsigned labels = 0;
    for (; *name != 0; name += 1 + *name)
        labels++;
    return labels;
}

bool name_valid(const uint8_t *name, size_t size)
{
    if (size > NAME_MAX_SIZE)
        return false;
    size_t at = 0;
    while (at < size && name[at] != 0) {
        if (name[at] > LABEL_MAX)
            return false;
        at += 1u + name[at];
    }
    return at + 1 == size;
}

static bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

/* One octet of a label, plain or escaped (RFC 1035 section 5.1). Returns how many characters of
 * text it took, 0 when they are no octet. */
static size_t octet_from_text(const char *text, size_t size, uint8_t *octet)
{
    if (text[0] != '\\') {
        *octet = (uint8_t)text[0];
        return 1;
    }
    if (size < 2)
        return 0;
    if (!is_digit(text[1])) {
        *octet = (uint8_t)text[1];
        return 2;
    }
    if (size < 4 || !is_digit(text[2]) || !is_digit(text[3]))
        return 0;
    unsigned value = (text[1] - '0') * 100u + (text[2] - '0') * 10u + (text[3] - '0');
    *octet = (uint8_t)value;
    return value <= UINT8_MAX ? 4 : 0;
}

size_t name_parse(const char *text, size_t size, const uint8_t *origin, uint8_t name[NAME_MAX_SIZE])
{
    if (size == 1 && text[0] == '.') {
        name[0] = 0;
        return 1;
    }
    size_t label = 0; /* where the length octet of the current label stands */
    size_t at = 1;
    for (size_t i = 0; i < size;) {
        if (text[i] == '.') {
            if (at == label + 1)
                return 0;
            name[label] = (uint8_t)(at - label - 1);
            label = at++;
            i++;
            continue;
        }
        /* The last octet of all is the root's. */
        if (at - label > LABEL_MAX || at >= NAME_MAX_SIZE - 1)
            return 0;
        size_t taken = octet_from_text(text + i, size - i, &name[at++]);
        if (taken == 0)
            return 0;
        i += taken;
    }
    static const uint8_t root[] = {0};
    size_t end = label;
    if (at > label + 1) { /* no last dot */
        name[label] = (uint8_t)(at - label - 1);
        end = at;
    } else {
        origin = root;
    }
    if (end == 0 || origin == NULL)
        return 0;
    size_t rest = name_size(origin);
    if (end + rest > NAME_MAX_SIZE)
        return 0;
    memcpy(name + end, origin, rest);
    return end + rest;
}

size_t name_from_text(const char *text, uint8_t name[NAME_MAX_SIZE])
{
    return name_parse(text, strlen(text), (const uint8_t *)"", name);
}

/* Writes one octet so that octet_from_text reads it again; returns the new end. */
static char *octet_to_text(uint8_t octet, char *text)
{
    if (octet <= ' ' || octet >= 0x7f) {
        *text++ = '\\';
        *text++ = (char)('0' + octet / 100);
        *text++ = (char)('0' + octet / 10 % 10);
        *text++ = (char)('0' + octet % 10);
        return text;
    }
    if (strchr(".\\\"();@$", octet) != NULL) /* of meaning in master files */
        *text++ = '\\';
    *text++ = (char)octet;
    return text;
}

char *name_to_text(const uint8_t *name, char text[NAME_TEXT_SIZE])
{
    char *end = text;
    if (*name == 0)
        *end++ = '.';
    while (*name != 0) {
        for (unsigned i = 1; i <= *name; i++)
            end = octet_to_text(name[i], end);
        name += 1 + *name;
        if (*name != 0)
            *end++ = '.';
    }
    *end = '\0';
    return text;
}

/* Length octets are at most 63, below any letter: folding leaves them as they are. */
size_t name_lower(const uint8_t *name, uint8_t lower[NAME_MAX_SIZE])
{
    size_t size = name_size(name);
    for (size_t i = 0; i < size; i++)
        lower[i] = octet_lower(name[i]);
    return size;
}

bool name_equal(const uint8_t *one, const uint8_t *other)
{
    size_t size = name_size(one);
    if (size != name_size(other))
        return false;
    for (size_t i = 0; i < size; i++)
        if (octet_lower(one[i]) != octet_lower(other[i]))
            return false;
    return true;
}

bool name_is_within(const uint8_t *name, const uint8_t *ancestor)
{
    size_t size = name_size(name), wanted = name_size(ancestor);
    while (size > wanted) {
        size -= 1u + *name;
        name += 1 + *name;
    }
    return size == wanted && name_equal(name, ancestor);
}

const uint8_t *name_parent(const uint8_t *name)
{
    return *name == 0 ? NULL : name + 1 + *name;
}

bool name_is_wildcard(const uint8_t *name)
{
    return name[0] == 1 && name[1] == '*';
}
