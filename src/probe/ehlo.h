/* SPDX-License-Identifier: BSD-2-Clause */
/* The name that the prober gives itself in EHLO. */
#ifndef EVERMX_PROBE_EHLO_H
#define EVERMX_PROBE_EHLO_H

#include <stdbool.h>

/* Whether a text can be a host's full domain name: two labels at least, the last not a number. */
bool ehlo_name_is_domain(const char *name);
/* The machine's own name, where it is one; else NULL. To be freed. */
char *ehlo_name_of_machine(void);

#endif
