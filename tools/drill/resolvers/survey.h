/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks resolvers for canary names by the timetable, all of them side by side, and keeps what they
 * answer. One thread; ends by itself, or at SIGINT and SIGTERM with what there is. */
#ifndef EVERMX_DRILL_SURVEY_H
#define EVERMX_DRILL_SURVEY_H

#include "base/address.h"
#include "base/error.h"
#include "observed.h"
#include "timetable.h"

enum {
    SURVEY_RESOLVERS_MAX = 64,
    SURVEY_RATE = 20, /* questions a second for each, at most */
};

struct survey_options {
    const char *zone;
    struct {
        struct address address;
        uint16_t port;
    } resolvers[SURVEY_RESOLVERS_MAX];
    size_t nresolvers;
    uint32_t ttls_s[TIMETABLE_TTLS_MAX];
    size_t nttls;
    uint32_t ttl_s; /* the operator's */
    uint32_t length_s;
};

struct survey;

/* NULL: names would be too long. */
struct survey *survey_new(const struct survey_options *options, struct error *error);
void survey_free(struct survey *survey);

/* Shows how far it is, when stderr is a terminal. */
void survey_run(struct survey *survey);

/* Of the resolver that has this index in the options; stays as long as the survey. */
const struct observed *survey_observed(const struct survey *survey, size_t resolver);

#endif
