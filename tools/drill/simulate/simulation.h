/* SPDX-License-Identifier: BSD-2-Clause */
/* What `evermx-drill simulate` is asked for, and what that comes to. Of simulate.c and its options
 * alone; one thread. */
#ifndef EVERMX_DRILL_SIMULATION_H
#define EVERMX_DRILL_SIMULATION_H

#include "../record/output.h"
#include "config/config.h"
#include "goal.h"
#include "mortality.h"
#include "population.h"
#include "predict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SETS_MAX = 32 };

struct simulation {
    /* what is asked for */
    const char *config_file, *check_name, *host_name, *population_file, *detection_file,
        *server_name;
    const char *sets[SETS_MAX];
    size_t nsets;
    enum death_kind kinds[DEATH_KINDS];
    size_t nkinds;
    bool has_goal;
    struct goal goal;
    int64_t rtt_ms, ttl_s, deaths, draws, resolvers, hosts, seed;
    enum sender sender;
    struct output output;

    /* what it comes to */
    struct config *config;
    struct death_setting death;
    struct population *population;
    char *population_found;
    int64_t began_ms, told_ms;
    size_t done, total;
};

/* By the command line; what is wrong there ends the program with DRILL_WRONG_USAGE. */
void simulation_ask(struct simulation *simulation, int argc, char **argv);
_Noreturn void simulation_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
