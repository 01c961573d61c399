/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/gateway.h"

#include <arpa/inet.h>
#include <net/route.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* "eth0 00000000 0102A8C0 0003 ...": interface, destination, gateway (both as they stand in
 * memory), flags. */
bool gateway_parse4(const char *line, struct address *address)
{
    unsigned destination, gateway, flags;
    if (sscanf(line, "%*s %x %x %x", &destination, &gateway, &flags) != 3 || destination ||
        !(flags & RTF_GATEWAY))
        return false;
    uint32_t bytes = gateway;
    *address = (struct address){.family = 4};
    memcpy(address->bytes, &bytes, sizeof bytes);
    return true;
}

/* "DESTINATION 00 SOURCE 00 GATEWAY METRIC REFERENCES USES FLAGS NAME", in hexadecimal. */
bool gateway_parse6(const char *line, struct address *address)
{
    char destination[33], gateway[33];
    unsigned bits, flags;
    if (sscanf(line, "%32s %x %*s %*x %32s %*x %*x %*x %x", destination, &bits, gateway, &flags) !=
            4 ||
        bits || !(flags & RTF_GATEWAY))
        return false;
    *address = (struct address){.family = 6};
    for (size_t i = 0; i < 16; i++)
        if (sscanf(gateway + 2 * i, "%2hhx", &address->bytes[i]) != 1)
            return false;
    return address->bytes[0] != 0xfe; /* link-local ones need a scope */
}

static size_t read_table(const char *path, bool (*parse)(const char *, struct address *),
                         struct address *addresses, size_t room)
{
    char line[512];
    size_t count = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (count < room && fgets(line, sizeof line, file))
        count += parse(line, &addresses[count]);
    fclose(file);
    return count;
}

size_t gateways_read(struct address *addresses, size_t room)
{
    size_t count = read_table("/proc/net/route", gateway_parse4, addresses, room);
    return count +
           read_table("/proc/net/ipv6_route", gateway_parse6, addresses + count, room - count);
}
