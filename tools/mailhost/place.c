/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsing and matching of places. */
#include "place.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 65,536 listeners: as many descriptors as a process gets by common limits, and a /16 of 127/8. */
enum { PREFIX_HOST_BITS_MAX = 16 };

/* Takes "/22" out of "127.1.0.0/22@2525", "[fd00::/120]@25". */
static bool place_take_prefix(char *text, unsigned *bits)
{
    char *slash = strchr(text, '/');
    if (!slash)
        return true;
    char *end;
    unsigned long value = strtoul(slash + 1, &end, 10);
    if (!isdigit((unsigned char)slash[1]) || value > 128)
        return false;
    *bits = (unsigned)value;
    memmove(slash, end, strlen(end) + 1);
    return true;
}

static bool place_bit(const struct address *address, unsigned bit)
{
    return (address->bytes[bit / 8] >> (7 - bit % 8)) & 1;
}

static bool place_is_first(const struct place *place)
{
    for (unsigned bit = place->prefix; bit < address_size(&place->address) * 8; bit++) {
        if (place_bit(&place->address, bit))
            return false;
    }
    return true;
}

static bool place_parse_endpoint(const char *given, struct place *place, struct error *error)
{
    char text[ADDRESS_TEXT_SIZE + 8];
    unsigned bits = 129;
    if (strlen(given) >= sizeof(text))
        return error_set(error, "\"%s\": too long for an address", given);
    snprintf(text, sizeof(text), "%s", given);
    /* Without a port endpoint_parse needs a default, which here means "any". */
    bool has_port = strchr(text, '@') != NULL;
    if (!place_take_prefix(text, &bits) ||
        !endpoint_parse(text, has_port ? 0 : 1, &place->address, &place->port))
        return error_set(error,
                         "\"%s\": needs an address such as 127.0.0.11, 127.0.0.11@25, "
                         "127.1.0.0/22@2525 or [::1]@25",
                         given);
    if (!has_port)
        place->port = 0;
    unsigned whole = (unsigned)address_size(&place->address) * 8;
    place->prefix = bits == 129 ? whole : bits;
    if (place->prefix > whole || !place_is_first(place))
        return error_set(error, "\"%s\": no prefix: the bits behind its length must be 0", given);
    return true;
}

bool place_parse(const char *text, struct place *place, struct error *error)
{
    *place = (struct place){.any_address = true};
    if (strcmp(text, "all") == 0)
        return true;
    size_t size = strcspn(text, ":");
    place->protocol = protocol_find(text, size);
    if (place->protocol && text[size] == '\0')
        return true;
    place->any_address = false;
    return place_parse_endpoint(place->protocol ? text + size + 1 : text, place, error);
}

bool place_contains(const struct place *place, const struct protocol *protocol,
                    const struct address *address, uint16_t port)
{
    if (place->protocol && place->protocol != protocol)
        return false;
    if (place->any_address)
        return true;
    if (place->address.family != address->family || (place->port != 0 && place->port != port))
        return false;
    for (unsigned bit = 0; bit < place->prefix; bit++) {
        if (place_bit(&place->address, bit) != place_bit(address, bit))
            return false;
    }
    return true;
}

uint32_t place_count(const struct place *place)
{
    unsigned host_bits = (unsigned)address_size(&place->address) * 8 - place->prefix;
    return host_bits > PREFIX_HOST_BITS_MAX ? 0 : UINT32_C(1) << host_bits;
}

struct address place_address(const struct place *place, uint32_t index)
{
    struct address address = place->address;
    for (size_t at = address_size(&address); at > 0 && index > 0; index >>= 8)
        address.bytes[--at] |= (uint8_t)index;
    return address;
}
