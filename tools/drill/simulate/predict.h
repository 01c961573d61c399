/* SPDX-License-Identifier: BSD-2-Clause */
/* Predictions as a record: who dies how, and how long each user is told of the dead host; and, as
 * text, the share of users without service over time, and what the TTL costs. One thread. */
#ifndef EVERMX_DRILL_PREDICT_H
#define EVERMX_DRILL_PREDICT_H

#include "../record/record.h"
#include "audience.h"
#include "mortality.h"
#include "population.h"

#include <stdbool.h>
#include <stdio.h>

/* What a user makes of an answer with one dead host among several that are well. */
enum sender {
    SENDER_GIVES_UP, /* takes the first of them, which is any: without service where that is dead */
    SENDER_RETRIES,  /* goes on to the next one: delayed, but served */
};

/* One way to die, and what comes of it. */
struct forecast {
    const char *system, *kind;
    const char *server; /* its name, as in what is to be compared with */
    const struct deaths *deaths;
    bool measured; /* the times of deaths are: no series of its own */
    struct audience *audience;
};

/* The series of a forecast, thinned out to FORECAST_TIMES where there are more: each stands for as
 * many. And its curve, as an object in the record's repetitions. */
enum { FORECAST_TIMES = 1000 };
void forecast_record(const struct forecast *forecast, const struct population *population,
                     struct record *record);

/* As text: shares of users by time, and the queries a second. hosts: in the answer while all are
 * well, 2 or more. */
void forecasts_print(const struct forecast *forecasts, size_t count, unsigned hosts,
                     enum sender sender, const struct audience_cost *cost, FILE *out);

#endif
