/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate of the demonstration's mail hosts, made anew each time, with its key. It is its own
 * authority. */
#ifndef EVERMX_DEMO_CERTIFICATE_H
#define EVERMX_DEMO_CERTIFICATE_H

#include "base/error.h"

#include <stdbool.h>

/* For the names below example.test; both files in PEM. */
bool certificate_write(const char *cert_file, const char *key_file, struct error *error);

#endif
