/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

size_t address_size(const struct address *address)
{
    return address->family == 4 ? 4 : 16;
}

bool address_parse(const char *text, struct address *address)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, address->bytes) == 1)
        address->family = 4;
    else if (inet_pton(AF_INET6, text, address->bytes) == 1)
        address->family = 6;
    return address->family != 0;
}

static bool parse_bits(const char *text, size_t most, uint8_t *bits)
{
    size_t number = 0, digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (size_t)(text[i] - '0');
    *bits = (uint8_t)number;
    return number <= most;
}

bool network_parse(const char *text, struct address *address, uint8_t *bits)
{
    char alone[ADDRESS_TEXT_SIZE];
    const char *slash = strchrnul(text, '/');
    size_t length = (size_t)(slash - text);
    if (length >= sizeof alone)
        return false;
    memcpy(alone, text, length);
    alone[length] = '\0';
    if (!address_parse(alone, address))
        return false;
    size_t most = 8 * address_size(address);
    *bits = (uint8_t)most;
    if (*slash && !parse_bits(slash + 1, most, bits))
        return false;
    for (size_t i = *bits; i < most; i++)
        if (address->bytes[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, ADDRESS_TEXT_SIZE);
}

bool address_equal(const struct address *one, const struct address *other)
{
    return one->family == other->family && memcmp(one->bytes, other->bytes, address_size(one)) == 0;
}

static bool port_parse(const char *text, uint16_t *port)
{
    unsigned number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && number <= 65535; at++)
        number = number * 10 + (unsigned)(*at - '0');
    *port = (uint16_t)number;
    return at != text && !*at && number >= 1 && number <= 65535;
}

bool endpoint_parse(const char *text, uint16_t default_port, struct address *address,
                    uint16_t *port)
{
    char host[ADDRESS_TEXT_SIZE];
    const char *at = strrchr(text, '@');
    size_t length = at ? (size_t)(at - text) : strlen(text);
    if (length >= sizeof host || (!at && !default_port))
        return false;
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text++;
        length -= 2;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    *port = default_port;
    return address_parse(host, address) && (!bracketed || address->family == 6) &&
           (!at || port_parse(at + 1, port));
}

void endpoint_format(const struct address *address, uint16_t port, char text[ADDRESS_TEXT_SIZE])
{
    char host[ADDRESS_TEXT_SIZE];
    address_format(address, host);
    /* An IPv6 address has at most 45 characters. */
    snprintf(text, ADDRESS_TEXT_SIZE, address->family == 6 ? "[%.45s]@%u" : "%.45s@%u", host, port);
}

socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
                              struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == 4) {
        struct sockaddr_in *four = (struct sockaddr_in *)out;
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        memcpy(&four->sin_addr, address->bytes, 4);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    memcpy(&six->sin6_addr, address->bytes, 16);
    return sizeof *six;
}
