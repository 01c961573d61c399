/* SPDX-License-Identifier: BSD-2-Clause */
/* evermxd, nsd, knotd and named, each in a folder of its own with the zones of one world, on ports
 * of loopback that nobody has; and questions put to all of them. They end when this process does,
 * however that ends. One thread. */
#ifndef EVERMX_TESTS_PEERS_H
#define EVERMX_TESTS_PEERS_H

#include "differential/questions.h"
#include "support/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum peer_number { PEER_EVERMX, PEER_NSD, PEER_KNOT, PEER_BIND, PEERS };

struct peer {
    const char *name;
    pid_t process; /* leads a group; 0: not running */
    uint16_t port;
    int udp;
};

struct peers {
    char folder[FOLDER_SIZE];
    struct peer all[PEERS];
};

/* Starts all and waits until each answers with authority for each zone. False, with what went wrong
 * on stderr, where one does not. `build` is where evermxd is. */
bool peers_start(struct peers *peers, const struct world *world, const char *build);
void peers_stop(struct peers *peers);

struct reply {
    uint8_t *bytes; /* to be freed; NULL: silence */
    size_t size;
};

enum { BATCH_MAX = 64 };

/* Puts each question to each peer, the same to all at once. False: a peer stayed silent; said on
 * stderr. */
bool peers_ask_udp(struct peers *peers, const struct question *const *questions, size_t count,
                   struct reply (*replies)[PEERS]);
bool peers_ask_tcp(struct peers *peers, const struct question *const *questions, size_t count,
                   struct reply (*replies)[PEERS]);

#endif
