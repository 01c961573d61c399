/* SPDX-License-Identifier: BSD-2-Clause */
/* What the laboratory has left in its folder, as a record: the servers and resolvers by their
 * names, the mail by what became of it. See failover-lab.sh for the files. One thread. */
#ifndef EVERMX_DRILL_HARVEST_H
#define EVERMX_DRILL_HARVEST_H

#include "../record/record.h"
#include "base/error.h"

#include <stdbool.h>

/* What is not there is left out; false: a file makes no sense. */
bool harvest_folder(const char *folder, struct record *record, struct error *error);

#endif
