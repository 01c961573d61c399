/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `evermx-drill watch`. */
#ifndef EVERMX_DRILL_WATCH_OPTIONS_H
#define EVERMX_DRILL_WATCH_OPTIONS_H

#include "../record/output.h"
#include "liveness.h"
#include "samples.h"
#include "wanted.h"

#include <stdbool.h>

enum { PLACES_MAX = 200 }; /* of a kind: all their series fit into a record */

struct watch_place {
    struct address address;
    uint16_t port;
};

struct watch_options {
    struct output output;
    const char *name;
    uint8_t owner[NAME_MAX_SIZE];
    const char *type;
    const char *hosts[WANTED_HOSTS_MAX];
    size_t nhosts;
    struct wanted wanted;
    struct watch_place servers[PLACES_MAX], resolvers[PLACES_MAX];
    size_t nservers, nresolvers;
    const char *probe; /* NULL: none */
    struct liveness_target target;
    double rate, resolver_rate;               /* questions a second; 0: adaptive */
    double seconds;                           /* 0: until Ctrl-C, or the experiment's end */
    const char *break_command, *mend_command; /* both or none */
    unsigned repetitions;
    double settle_s, patience_s, return_patience_s, spread_s;
    uint64_t seed;
    const char *system, *kind;
};

/* Ends the program where that is no usage, or help was asked for. */
void watch_options_read(int argc, char **argv, struct watch_options *options);

#endif
