/* SPDX-License-Identifier: BSD-2-Clause */
/* An IP address, and an address with a port. */
#ifndef EVERMX_BASE_ADDRESS_H
#define EVERMX_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* network order; the first 4 for IPv4 */
};

enum { ADDRESS_TEXT_SIZE = 64 }; /* enough for address and "@port" */

bool address_parse(const char *text, struct address *address);
/* "192.0.2.0/24", "2001:db8::/32"; an address alone is a network of its own. False also where bits
 * behind the prefix are set. */
bool network_parse(const char *text, struct address *address, uint8_t *bits);
void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);
bool address_equal(const struct address *one, const struct address *other);
size_t address_size(const struct address *address); /* 4 or 16 */

/* "127.0.0.1@53", "[::1]@53"; without "@PORT" the given default, where that is not 0. */
bool endpoint_parse(const char *text, uint16_t default_port, struct address *address,
                    uint16_t *port);
void endpoint_format(const struct address *address, uint16_t port, char text[ADDRESS_TEXT_SIZE]);

socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
                              struct sockaddr_storage *out);

#endif
