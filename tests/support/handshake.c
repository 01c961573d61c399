/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TURNS = 10 };

SSL *handshake(SSL_CTX *client_context, SSL_CTX *server_context)
{
    SSL *client = SSL_new(client_context), *server = SSL_new(server_context);
    BIO *here, *there;
    assert_int_equal(BIO_new_bio_pair(&here, 0, &there, 0), 1);
    SSL_set_bio(client, here, here);
    SSL_set_bio(server, there, there);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int turn = 0; turn < TURNS; turn++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    assert_true(SSL_is_init_finished(client));
    SSL_free(server);
    return client;
}
