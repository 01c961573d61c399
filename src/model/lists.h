/* SPDX-License-Identifier: BSD-2-Clause */
/* The domains of a model's templates: read from their files, or shared with the model before; and
 * that no name belongs to two. Private to the model; belongs to the thread that builds it. */
#ifndef EVERMX_MODEL_LISTS_H
#define EVERMX_MODEL_LISTS_H

#include "base/diagnostics.h"
#include "base/file.h"
#include "model/model.h"

#include <stdbool.h>

/* All zones of the model stand, and its list of templates. befores: of each template, the same one
 * in the model before, or NULL. False when any list is wrong; each template has its domains in any
 * case: those of before if there are any (not when strict), else those that could be read. */
bool lists_read(struct model *model, const struct zone *const *befores, bool strict,
                struct file_asker *files, struct diagnostics *diagnostics);

#endif
