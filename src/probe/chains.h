/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of certificates that were followed to an authority, and found good, a while ago: servers
 * show the same one in each handshake, and the signatures in it are the dearest part of one. Only
 * the same octets find it again; who the server is (its signature in the handshake), its name and
 * its times are looked at each time all the same. What was wrong is not kept: it may be our clock.
 * Belongs to a TLS context; the thread of its handshakes. */
#ifndef EVERMX_PROBE_CHAINS_H
#define EVERMX_PROBE_CHAINS_H

#include <openssl/ssl.h>
#include <stdint.h>

struct chains;

/* So late is seen that an authority in the middle has expired. */
enum { CHAINS_KEPT_MS = 10 * 60 * 1000 };

/* Hooks itself into the context's handshakes; must stay as long as it. */
struct chains *chains_new(SSL_CTX *context, int64_t kept_ms);
void chains_free(struct chains *chains);

/* How many chains were followed, and not found. */
uint64_t chains_followed(const struct chains *chains);

#endif
