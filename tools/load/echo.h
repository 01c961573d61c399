/* SPDX-License-Identifier: BSD-2-Clause */
/* The ceiling: a responder that does nothing but receive and send, by UDP and by TCP. No server on
 * the kernel's sockets can be faster. For tests of the load itself it can also lose and spoil. */
#ifndef EVERMX_LOAD_ECHO_H
#define EVERMX_LOAD_ECHO_H

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct echo_options {
    struct address address;
    uint16_t port;
    unsigned octets;      /* an answer is that much longer than its query */
    uint64_t drop, spoil; /* each so-many-th query is not answered, or with another question */
    unsigned length_s;    /* then it ends */
};

/* Prints "ready", and ends the process with status 0 after SIGTERM, SIGINT or its time. Returns
 * only when it cannot start: false. */
bool echo_run(const struct echo_options *options, struct error *error);

#endif
