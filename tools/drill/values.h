/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of options, written and bounded as in evermx.yaml(5): "500ms", "10s", "20". Pure. */
#ifndef EVERMX_DRILL_VALUES_H
#define EVERMX_DRILL_VALUES_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* In milliseconds; 0 is for "0" where zero says that it may be. */
bool value_duration(const char *text, int64_t least_ms, int64_t most_ms, bool zero, int64_t *ms,
                    struct error *error);
bool value_number(const char *text, int64_t least, int64_t most, int64_t *number,
                  struct error *error);

#endif
