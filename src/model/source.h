/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of one master file (RFC 1035 section 5.1): read in one go, cut into entries and tokens.
 * What the entries mean is master.c's business. Belongs to the thread that builds the model. */
#ifndef EVERMX_MODEL_SOURCE_H
#define EVERMX_MODEL_SOURCE_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>

struct source {
    char *text; /* entries are cleaned in place; a NUL stands behind the last octet */
    size_t size, at;
    int line;
    struct file_identity identity;
};

/* False and *error when the file cannot be read. Directories, pipes and devices are refused. */
bool source_open(struct source *source, const char *path, struct error *error);
void source_close(struct source *source);

/* One logical line: comments and parentheses are gone, blanks outside quotes are single spaces. */
struct entry {
    char *text;
    int line;         /* where it begins */
    bool blank_first; /* no owner name: that of the record before holds */
};

enum source_result { SOURCE_END, SOURCE_ENTRY, SOURCE_BAD };

/* The next entry that is not empty. After SOURCE_BAD (*error, entry->line) reading goes on behind
 * the bad entry. */
enum source_result source_next(struct source *source, struct entry *entry, struct error *error);

struct token {
    char *text; /* ends with NUL, without its quotes; escapes are left in */
    size_t size;
    bool quoted;
};

/* Takes a token off the text. False at the end of the entry. */
bool token_next(char **text, struct token *token);

#endif
