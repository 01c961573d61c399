/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests from end to end: real mail servers (tests/e2e/lab.sh), evermxd as its own process, and
 * a real DNS client (ldns). What is waited for is waited for with a deadline; nothing sleeps and
 * hopes. */
#ifndef EVERMX_TESTS_RIG_H
#define EVERMX_TESTS_RIG_H

#include "support/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rig {
    char folder[FOLDER_SIZE]; /* zone, configuration, control socket, log */
    char build[256];          /* where evermxd was built: $EVERMX_BUILD, default build */
    uint16_t port;            /* of evermxd on 127.0.0.1 */
    pid_t daemon;             /* 0: not running */
    uint64_t queries;         /* asked by rig_answer */
};

/* Makes the folder, writes zone and configuration there (%PORT% and %FOLDER% are replaced), starts
 * evermxd and waits until it answers. Fails the test otherwise, with evermxd's log. */
void rig_start(struct rig *rig, const char *zone, const char *yaml);
/* By SIGTERM; fails the test unless it ends cleanly. Removes the folder. */
void rig_stop(struct rig *rig);
void rig_print_log(const struct rig *rig);

/* tests/e2e/lab.sh with words; fails the test unless it succeeds. The monotonic ms that it says
 * things were done at (its own "done MS"), else the time of its return. */
int64_t rig_lab(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a server at 127.0.0.1 (or another address) answers: "10 mx1.example.test.; 10
 * mx2.example.test." sorted, and the TTL. An rcode other than NOERROR is its name. Empty: no answer
 * records. */
struct answer {
    char text[1024];
    uint32_t ttl_s;
    bool timed_out;
};
void rig_answer(struct rig *rig, const char *server, uint16_t port, const char *name,
                const char *rrtype, struct answer *answer);

/* Asks evermxd (or a server at `server`) again and again, until the answer is the text; fails the
 * test after the deadline. Returns the monotonic ms of the first such answer. Every answer on the
 * way must hold at least one record: a sender's mail must never bounce. */
int64_t rig_wait(struct rig *rig, const char *server, uint16_t port, const char *name,
                 const char *rrtype, const char *expected, int64_t patience_ms);

/* evermxctl with words; its output (freed by free()). */
char *rig_ctl(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
