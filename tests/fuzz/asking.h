/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones from files to answers: read, compiled, and asked for all that was found in them. */
#ifndef EVERMX_TESTS_FUZZ_ASKING_H
#define EVERMX_TESTS_FUZZ_ASKING_H

#include "config/config.h"

/* Builds models of the configuration's zones, strict and not, and asks the latter's for (up to a
 * number) each name and type that stands in it; in templates, below some of their domains. */
void ask_config(const struct config *config);

#endif
