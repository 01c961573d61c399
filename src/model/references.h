/* SPDX-License-Identifier: BSD-2-Clause */
/* Warnings on what the zones' MX, SRV and NS records point to. Belongs to the thread that builds
 * the model; all zones must stand. */
#ifndef EVERMX_MODEL_REFERENCES_H
#define EVERMX_MODEL_REFERENCES_H

#include "base/diagnostics.h"
#include "model/model.h"

void references_check(const struct model *model, struct diagnostics *diagnostics);

#endif
