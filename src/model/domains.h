/* SPDX-License-Identifier: BSD-2-Clause */
/* The domains of a template: a set of names as a file lists them, one a line, in presentation
 * format; `#` begins a comment. Immutable once read; shared by successive models and by
 * what is made of them, any of which may be freed by any thread. About 30 octets a domain. */
#ifndef EVERMX_MODEL_DOMAINS_H
#define EVERMX_MODEL_DOMAINS_H

#include "base/diagnostics.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct domains;

/* Octets that the names of all lists of a model may take: 31 bits tell a place among them. */
enum { DOMAINS_SIZE_MAX = INT32_MAX };

/* What a list is read for. */
struct domains_request {
    const char *file;
    size_t longest_prefix; /* octets that the template puts before a domain: with them, a name must
                              not have more than 255 */
    /* Whether the name belongs to somebody else: the end of the sentence "NAME is ..."; NULL: no.
     */
    const char *(*taken)(void *context, const uint8_t *lower, size_t size);
    void *context;
    size_t others; /* octets of the names in the model's other lists */
};

/* Errors are told, up to a few, and what is wrong is left out: all, when the file cannot be read.
 * With one reference. */
struct domains *domains_read(const struct domains_request *request,
                             struct diagnostics *diagnostics);
/* Those of another list that do not belong to somebody else now: the same one, where that is all.
 * With a reference of the caller's. */
struct domains *domains_keep(struct domains *domains, const struct domains_request *request);
struct domains *domains_share(struct domains *domains);
void domains_release(struct domains *domains); /* NULL is none */

size_t domains_count(const struct domains *domains);
size_t domains_bytes(const struct domains *domains);   /* of memory */
size_t domains_size(const struct domains *domains);    /* octets of all names */
size_t domains_longest(const struct domains *domains); /* octets of the longest name */
bool domains_complete(const struct domains *domains);  /* nothing had to be left out */
const struct file_identity *domains_identity(const struct domains *domains);

/* Whether the name, in wire format and lower case, is one of them. */
bool domains_has(const struct domains *domains, const uint8_t *lower, size_t size);
bool domains_has_name(const struct domains *domains, const uint8_t *lower);

/* The first name, in the order of the file (after NULL), and that after a name; NULL: no more.
 * Names stand one right behind the other, and NAME_MAX_SIZE octets may be read from each on: as no
 * name is the beginning of another, who compares need not know where it ends. */
const uint8_t *domains_next(const struct domains *domains, const uint8_t *name);

/* For layers that know nothing of names: its text, without the last dot. Returns text. */
enum { DOMAIN_TEXT_SIZE = 1028 };
char *domain_to_text(const uint8_t *name, char text[DOMAIN_TEXT_SIZE]);

#endif
