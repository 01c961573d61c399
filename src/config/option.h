/* SPDX-License-Identifier: BSD-2-Clause */
/* Options as rows of tables: name, type, range, default and where the value goes. A mapping of the
 * file is read against the rows of its section into a record. Private to the configuration. */
#ifndef EVERMX_CONFIG_OPTION_H
#define EVERMX_CONFIG_OPTION_H

#include "base/arena.h"
#include "base/diagnostics.h"
#include "base/error.h"
#include "base/table.h"
#include "config/config.h"
#include "config/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is being read, and into what. */
struct reader {
    struct config *config;
    const char *folder; /* that paths are relative to, with the last slash; "" is where we run */
    struct arena *scratch;
    struct diagnostics *diagnostics;
    struct table *checks;                  /* name -> index into config->checks */
    struct credentials_files *credentials; /* that were read already */
    bool bare;                             /* no file that it names is opened */
};

enum option_type {
    OPTION_NUMBER,
    OPTION_DURATION, /* the field in milliseconds, or in seconds where it is named so */
    OPTION_PERCENT,  /* the field a number: "50%" */
    OPTION_CHOICE,   /* the field an enum or a bool: the index into choices */
    OPTION_TEXT,
    OPTION_PATH,
    OPTION_LIST,    /* by read */
    OPTION_MAPPING, /* by read */
    OPTION_ANY,     /* by read, which looks at the kind of node, too */
};

struct option {
    const char *name;
    enum option_type type;
    size_t offset, size; /* of the field in the record */
    int64_t min, max;    /* numbers; durations, in milliseconds; the length of texts and paths */
    int64_t unit_ms;     /* durations: of the field */
    const char *const *choices; /* closed by NULL */
    const char *fallback; /* the default, as it would be written; NULL: none, or not a constant */
    unsigned bit;         /* tells that it was given */
    bool required;
    bool zero;         /* of a duration, outside its range: 0 is "none of it" */
    bool may_be_empty; /* a list or mapping with nothing written in it counts as empty */
    /* Takes over from the field, after the kind of node was checked. */
    void (*read)(struct reader *reader, const struct tree_node *node, void *record);
};

struct option_section {
    const char *name; /* in messages */
    const struct option *rows;
    size_t count;
    size_t base;                       /* where the rows' record lies in the whole record */
    const struct option_section *more; /* further rows of the same mapping */
};

enum { OPTIONS_MAX = 32 }; /* rows of a section with all its more */

/* Sets the fields of all rows that have a default. */
void options_default(const struct option_section *section, void *record);

/* Reads a mapping (or nothing, which is an empty one); reports what is wrong; returns the bits of
 * the options that were given. Fields not given, or wrong, stay as they are. In the rows' order. */
unsigned options_read(struct reader *reader, const struct option_section *section,
                      const struct tree_node *mapping, void *record);

/* One text (not a path) into the field of a row that has no read. */
bool option_parse(const struct option *option, const char *text, void *record, struct error *error);

/* Whether node is of the kind; reports it where not. what: "'zones'" */
bool tree_expect(struct reader *reader, const struct tree_node *node, enum tree_kind kind,
                 const char *what);

/* The value of a key, NULL if there is none. */
const struct tree_node *tree_find(const struct tree_node *mapping, const char *key);

const char *duration_format(int64_t duration_ms, char text[32]); /* "2s", "1h", "0" */

/* "; did you mean 'NAME'?" for the nearest of count names, "" when none is near (or nobody will
 * read it, as there are too many errors). */
const char *suggest(struct reader *reader, const char *text, const char *const *names,
                    size_t count);

/* Remembers that a key stands at place; false where it stood somewhere already, then *line tells
 * it. */
bool key_is_new(struct arena *arena, struct table *seen, const void *key, size_t size,
                struct config_place place, uint32_t *line);

/* A path relative to the file's folder, in the configuration's arena. */
const char *path_resolve(struct reader *reader, const char *path);

#define warn(reader, where, ...)                                                                   \
    diagnostics_warning((reader)->diagnostics, (reader)->config->file, (where).line,               \
                        (where).column, __VA_ARGS__)

#define report(reader, where, ...)                                                                 \
    diagnostics_error((reader)->diagnostics, (reader)->config->file, (where).line, (where).column, \
                      __VA_ARGS__)

#endif
