/* SPDX-License-Identifier: BSD-2-Clause */
/* Many small SMTP servers in a process of their own: one port, every address of 127.0.0.0/8. For
 * tests of many sessions at once, and of a client that is stopped while its servers go on. */
#ifndef EVERMX_TESTS_SINK_H
#define EVERMX_TESTS_SINK_H

#include <stdbool.h>
#include <stdint.h>

struct sink;

struct sink_options {
    unsigned hold;  /* greets nobody until so many are connected at once */
    int greet_ms;   /* after so long; 0: at once */
    int hello_ms;   /* an EHLO is answered after so long; 0: at once */
    unsigned sick;  /* so many EHLOs are answered by 451 before the first good one */
    int silence_ms; /* a client that says nothing for so long gets 421 and is closed; 0: waits */
};

/* What the sink has seen so far. */
struct sink_numbers {
    unsigned accepted;
    unsigned open, open_max;   /* until QUIT or the end of the connection */
    unsigned open_max_address; /* at one address */
    unsigned hellos;           /* EHLOs */
    unsigned quits;            /* clients that left by QUIT */
    unsigned impatient;        /* clients that spoke before the greeting */
    uint32_t last_from;        /* the address of the last client, as a number */
    int greet_ms, hello_ms;    /* the sink's own */
    int64_t stopped_ms;        /* when it stopped itself; 0: it did not */
    char stop_at[8];           /* the sink's own */
};

struct sink *sink_start(const struct sink_options *options);
/* Stops the whole process as SIGSTOP does: the kernel goes on to take connections. Or lets it go
 * on. */
void sink_freeze(struct sink *sink, bool frozen);
/* So many connections may wait to be accepted from now on, and some; the SYNs of more are dropped.
 * At first thousands. */
void sink_backlog(struct sink *sink, int backlog);
/* Stops itself that way when it next reads that verb, whose reply is not sent. */
void sink_stop_at(struct sink *sink, const char *verb);
/* From now on greets after so long. */
void sink_greet_after(struct sink *sink, int greet_ms);
/* The same of an EHLO's reply. */
void sink_hello_after(struct sink *sink, int hello_ms);
uint16_t sink_port(const struct sink *sink);
struct sink_numbers sink_numbers(const struct sink *sink);
void sink_stop(struct sink *sink);

#endif
