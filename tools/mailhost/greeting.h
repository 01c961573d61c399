/* SPDX-License-Identifier: BSD-2-Clause */
/* What a session says first, and in which rhythm. Pure: the session sends it and keeps the time. */
#ifndef EVERMX_MAILHOST_GREETING_H
#define EVERMX_MAILHOST_GREETING_H

#include "behaviour.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum greeting_end {
    GREETING_READY,  /* the dialogue begins */
    GREETING_SILENT, /* nothing more is said */
    GREETING_CLOSE,
    GREETING_REPEAT, /* from repeat_from, for ever */
};

struct greeting {
    char *text;
    size_t size;
    size_t sent;
    size_t first; /* bytes sent at once */
    size_t step;  /* bytes sent at each tick after that */
    uint32_t interval_ms;
    size_t repeat_from;
    enum greeting_end end;
    bool enforced;      /* a client that talks before its end is sent away */
    bool refuses;       /* after it, only QUIT is served */
    bool authenticated; /* PREAUTH */
};

/* Said in plain even where TLS comes first: a program that knows no TLS is on the port. */
bool greeting_skips_tls(const struct behaviour *behaviour);

/* `tls`: the session is encrypted. The text is freed with greeting_clear. */
struct greeting greeting_plan(const struct protocol *protocol, const struct behaviour *behaviour,
                              const char *name, bool tls);
void greeting_clear(struct greeting *greeting);

#endif
