/* SPDX-License-Identifier: BSD-2-Clause */
/* The way from a question to what answers it (RFC 1034 section 4.3.2, RFC 4592, RFC 6672), in the
 * words of the model: for people, not for responders. Pure. */
#ifndef EVERMX_MODEL_TRACE_H
#define EVERMX_MODEL_TRACE_H

#include "model/model.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_end {
    TRACE_RRSET,
    TRACE_ANY,      /* answered by one HINFO (RFC 8482) */
    TRACE_MADE,     /* a CNAME or ANY was asked for: the CNAME that a DNAME makes (RFC 6672) */
    TRACE_NODATA,   /* the name is there, the type is not */
    TRACE_NXDOMAIN, /* neither */
    TRACE_REFERRAL, /* delegated: node is the cut */
    TRACE_FAILED,   /* the zone's file is bad */
    TRACE_OUTSIDE,  /* not in our zones */
    TRACE_LOOP,     /* a CNAME or DNAME leads back, or the chain is too long */
    TRACE_TOO_LONG, /* a DNAME makes a name of more than 255 octets */
};

/* As many as a responder follows, and the one at which it ends. */
enum { TRACE_STEPS_MAX = 17 };

struct trace {
    enum trace_end end;
    const struct zone *zone; /* NULL: outside */
    const struct node *node; /* whose records answer; its name is the zone's: see trace_name() */
    bool wildcard;           /* node is one that covers the name */
    const struct rrset *rrset;
    uint8_t name[NAME_MAX_SIZE];                /* asked for at the end of the chain, lower case */
    const struct rrset *steps[TRACE_STEPS_MAX]; /* the CNAMEs and DNAMEs followed */
    size_t nsteps;
};

void model_trace(const struct model *model, const uint8_t *name, uint16_t rrtype,
                 struct trace *trace);

/* A name of trace->zone, the node's or one in its records, as it is for who asked: in a template,
 * in the domain asked for. */
void trace_name(const struct trace *trace, const uint8_t *name, uint8_t result[NAME_MAX_SIZE]);

/* The same for a whole record. The result is the arena's. */
struct rdata trace_record(const struct trace *trace, uint16_t rrtype, const struct rdata *record,
                          struct arena *arena);

#endif
