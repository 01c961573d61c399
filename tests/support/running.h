/* SPDX-License-Identifier: BSD-2-Clause */
/* A server on loopback with a zone of its own, and clients of it. For tests; all of these fail
 * the test where something does not work, and wait no longer than PATIENCE_MS. */
#ifndef EVERMX_TESTS_RUNNING_H
#define EVERMX_TESTS_RUNNING_H

#include "base/error.h"
#include "serve/server.h"
#include "support/fixture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATIENCE_MS = 5000, RUNNING_IDLE_MS = 300 };

struct running {
    struct fixture fixture;
    struct server *server;
    uint16_t port;
};

/* For cmocka_unit_test_setup_teardown; *state becomes a struct running: on 127.0.0.1 and ::1, with
 * two UDP responders and RUNNING_IDLE_MS. */
int running_set_up(void **state);
int running_tear_down(void **state);

/* With further options and other addresses (the list ends with NULL); listen is filled in. */
bool running_start(struct running *running, const char *const *addresses,
                   struct server_options options, struct error *error);
/* As set up, but with further options: the first server ends. */
void running_restart(struct running *running, struct server_options options);
struct server_numbers running_numbers(const struct running *running);
void running_wait_for_connections(const struct running *running, unsigned expected);

/* A connected socket; from: of which address, NULL: any. */
int running_connect(const struct running *running, int type, const char *to, const char *from);

/* Waits until something can be read; then reads. 0: end of file or reset. */
size_t receive(int socket, uint8_t *bytes, size_t room);
void receive_all(int socket, uint8_t *bytes, size_t size);
void send_all(int socket, const uint8_t *bytes, size_t size);

/* A query for example.test MX behind its length, with an id of its own. */
size_t tcp_query(uint8_t *bytes, uint16_t id);
/* A query for "large.example.test" TXT, whose answer has some 50,000 octets. */
size_t tcp_large_query(uint8_t *bytes, uint16_t id);
/* The next answer, good and with this id. */
void receive_answer(int socket, uint16_t id);

#endif
