/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes numbers in the text format that Prometheus reads (version 0.0.4): families of samples,
 * each with HELP and TYPE. Samples of a family may be added in any order among others; they come
 * out together, as the format demands. Pure; one thread at a time. */
#ifndef EVERMX_CONTROL_EXPOSITION_H
#define EVERMX_CONTROL_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4"

struct exposition_label {
    const char *name, *value;
};

struct exposition;

struct exposition *exposition_new(void);

/* One sample. A family whose name ends in "_total" is a counter, any other that is no histogram a
 * gauge; its help is
 * that of its first sample. Names are ours and legal; values of labels may be anything (what is not
 * printable ASCII becomes '?'). */
void exposition_add(struct exposition *exposition, const char *family, const char *help,
                    const struct exposition_label *labels, size_t nlabels, double value);

/* A histogram: for each of nbounds upper bounds, and at the end for what is above all of them, how
 * many values fell in there (each counted once), and the sum of all values. */
void exposition_add_histogram(struct exposition *exposition, const char *family, const char *help,
                              const struct exposition_label *labels, size_t nlabels,
                              const double *bounds, const uint64_t *counts, size_t nbounds,
                              double sum);

/* The whole text, to be freed; frees the exposition. */
char *exposition_finish(struct exposition *exposition);

#endif
