/* SPDX-License-Identifier: BSD-2-Clause */
/* A YAML file as a tree of values, each with its line and column. A plain subset: one document, no
 * aliases (which would let a small file mean a huge one), anchors, tags or merge keys; bounded in
 * size and depth; every text is UTF-8 without control characters. Pure but for reading the file. */
#ifndef EVERMX_CONFIG_TREE_H
#define EVERMX_CONFIG_TREE_H

#include "base/arena.h"
#include "base/diagnostics.h"
#include "config/config.h"

#include <stdbool.h>

enum tree_kind {
    TREE_NOTHING, /* nothing is written there (or ~ or null) */
    TREE_TEXT,
    TREE_LIST,
    TREE_MAPPING,
    TREE_BROKEN, /* reported already: to be passed over in silence */
};

struct tree_node {
    struct tree_node *next;         /* in the same list, or the next key of the same mapping */
    struct tree_node *first, *last; /* of a list, or the keys of a mapping, which are TREE_TEXT */
    struct tree_node *value;        /* of a key */
    const char *text;               /* TREE_TEXT; in the arena */
    struct config_place place;
    enum tree_kind kind;
};

/* The document; an empty file is TREE_NOTHING. NULL when the file can't be read or its syntax is
 * wrong; errors in diagnostics without NULL are about single nodes, so that the rest can be
 * checked. */
const struct tree_node *tree_read(struct arena *arena, const char *file,
                                  struct diagnostics *diagnostics);

#endif
