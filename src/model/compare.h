/* SPDX-License-Identifier: BSD-2-Clause */
/* What two models have in common. Pure. */
#ifndef EVERMX_MODEL_COMPARE_H
#define EVERMX_MODEL_COMPARE_H

#include "model/model.h"

#include <stdbool.h>

/* Whether both have the same zones, of which nothing was read again that is good. */
bool model_is_same(const struct model *one, const struct model *other);

/* The model's zone of the same apex; NULL: none. A template is known by its files. */
const struct zone *model_zone_like(const struct model *model, const struct zone *zone);

/* Whether the same is written in both, in the same order. What both share is not walked. */
bool zone_is_equal(const struct zone *one, const struct zone *other);

#endif
