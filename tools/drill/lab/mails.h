/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of mail that was sent while a host was broken, by the log of the Postfix that sent
 * it. Each message has the time of its sending, in milliseconds since 1970, in its recipient's
 * name: <lab+tTIME@...>. Pure; one thread. */
#ifndef EVERMX_DRILL_MAILS_H
#define EVERMX_DRILL_MAILS_H

#include "../record/figures.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail {
    int64_t sent_ms;
    double delay_s; /* until it was delivered, as Postfix tells it: two digits from 10 s on */
    bool delivered, deferred, bounced; /* deferred: at least once */
};

/* All 0 at first. */
struct mails {
    struct mail *list;
    size_t count, capacity;
};

/* A message was sent; times ascend. */
void mails_add(struct mails *mails, int64_t sent_ms);
/* A line of the log: of such a message that was added, or any other. Returns whether it told of
 * one. */
bool mails_read_line(struct mails *mails, const char *line);
void mails_free(struct mails *mails);

/* More is a delay: a delivery to a living host here takes a tenth of that. */
#define MAILS_AT_ONCE_S 1.0

/* Of those that were sent from the break until the mend. */
struct mails_outage {
    size_t sent;
    size_t at_once;  /* delivered without delay, */
    size_t late;     /* delivered before the mend, */
    size_t held;     /* or not so: by whatever came after it, nobody was helped */
    size_t deferred; /* of late and held: put back into the queue for minutes */
    size_t bounced;  /* lost for who sent it */
    /* From the break until the first message was sent since which none was delayed; 0: none was.
     * Meaningless without `served`: the last one was. */
    bool served;
    double served_s;
};

/* Adds each message's delay to the figures, unless NULL; those held or bounced count as never. */
struct mails_outage mails_judge(const struct mails *mails, int64_t break_ms, int64_t mend_ms,
                                struct figures *delays);

#endif
