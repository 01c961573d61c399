/* SPDX-License-Identifier: BSD-2-Clause */
/* What was measured or predicted, as reports draw it and files keep it: series of times, and the
 * repetitions that they come from. One thread. */
#ifndef EVERMX_DRILL_RECORD_H
#define EVERMX_DRILL_RECORD_H

#include "base/error.h"
#include "figures.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* From when to when. A failure is counted from the break, where we have done it ourselves, else
 * from the last good evidence; a return from the mend, or the first good evidence. */
enum phase {
    PHASE_EVIDENCE, /* until the host's own death is first seen by our own probe (t1) */
    PHASE_LEFT,     /* until a server (t2) or a resolver (t3) answers without the host */
    PHASE_SERVED,   /* until the next user is served: a message delivered, a login done */
    PHASE_BACK,     /* of a return: until the host is answered again */
    PHASES
};
const char *phase_word(enum phase phase); /* "left": for programs */
const char *phase_text(enum phase phase); /* "out of the answers": a column's heading */

enum place {
    PLACE_SERVER,   /* an authoritative server's own answer */
    PLACE_RESOLVER, /* a client's view behind a resolver */
    PLACE_SENDER,   /* a real mail server that sends */
    PLACE_USER,     /* all users together, behind all resolvers */
    PLACE_HOST,     /* the mail host itself, as our own probe sees it */
    PLACES
};
const char *place_word(enum place place); /* "resolver" */

/* Which times belong together. Texts may be "" where there is nothing to tell apart. */
struct series_key {
    const char *system; /* who does the failover: "evermx", "gdnsd" */
    const char *kind;   /* how the host was broken: "kill", "hang", "421" */
    enum place place;
    const char *name; /* of the place: "127.0.0.1@5300", "unbound", "postfix" */
    enum phase phase;
    bool predicted;
};

struct series {
    struct series_key key; /* texts are the record's own */
    struct figures figures;
};

struct record {
    char *title;
    json_t *settings;    /* object of texts and numbers: what a reader needs to repeat it */
    json_t *repetitions; /* array of objects: each failure and return with all its marks; what is in
                            them is the measuring subcommand's own matter */
    struct series **series; /* in the order of their first time */
    size_t nseries, capacity;
};

struct record *record_new(const char *title);
void record_free(struct record *record);

void record_set_title(struct record *record, const char *title);
void record_set(struct record *record, const char *key, const char *value);
void record_set_number(struct record *record, const char *key, double value);

/* Found, or begun. Stays as long as the record. */
struct series *record_series(struct record *record, const struct series_key *key);

struct series *record_find(const struct record *record, const struct series_key *key); /* or NULL */

void record_remove(struct record *record, size_t index);

/* Whether something that was measured was never noticed: DRILL_UNNOTICED. */
bool record_has_unnoticed(const struct record *record);

/* As reports show them: by kind, phase, system, place, name, a prediction behind what was measured;
 * texts in the order of their first series. nseries pointers, to be freed by free(). */
struct series **record_ordered(const struct record *record);

/* The prediction of what was measured, or what was measured of a prediction; NULL: none. */
struct series *record_counterpart(const struct record *record, const struct series *series);

/* All series and repetitions of the other one; settings and title stay. */
void record_merge(struct record *record, const struct record *other);

/* Bounds of what a file may hold, so that none can stall or fill a machine. */
enum { RECORD_SERIES_MAX = 1000, RECORD_FILE_MAX = 64 << 20 };
#define RECORD_TIME_MAX_S 1e8 /* three years */
#define RECORD_NEVER_MAX  1e7 /* repetitions of a series that were never noticed */

/* The file is written anew and renamed, so that an interrupted run leaves the old one whole. "-":
 * standard output, or input. Times are kept to the microsecond; octets that are no UTF-8 become
 * "?". The form is told in evermx-drill(1). */
bool record_write(const struct record *record, const char *path, struct error *error);
struct record *record_read(const char *path, struct error *error); /* NULL: error */

#endif
