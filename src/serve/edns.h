/* SPDX-License-Identifier: BSD-2-Clause */
/* The EDNS options of a query and of its answer. Private to this layer; only queries that carry
 * options, and answers that have something to tell, come here. */
#ifndef EVERMX_SERVE_EDNS_H
#define EVERMX_SERVE_EDNS_H

#include "serve/message.h"

/* Reads the options of a query into message->wanted and message->cookie, and makes room for those
 * that the answer must have. False: malformed (FORMERR). Unknown options are passed over (RFC 6891
 * section 6.1.2). */
bool edns_read(struct message *message, const uint8_t *options, size_t size, uint32_t now_s);

/* Appends the OPT record with all its options; what only explains is left out where it does not
 * fit. Returns the end. */
uint8_t *edns_write(const struct message *message, uint8_t *at);

#endif
