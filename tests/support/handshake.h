/* SPDX-License-Identifier: BSD-2-Clause */
/* A TLS handshake within memory. */
#ifndef EVERMX_TESTS_HANDSHAKE_H
#define EVERMX_TESTS_HANDSHAKE_H

#include <openssl/ssl.h>

/* The client's end, once both are done; freed by SSL_free(). The server's is gone. */
SSL *handshake(SSL_CTX *client_context, SSL_CTX *server_context);

#endif
