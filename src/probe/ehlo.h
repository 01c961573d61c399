/* SPDX-License-Identifier: BSD-2-Clause */
/* The name that the prober gives itself in EHLO. */
#ifndef EVERMX_PROBE_EHLO_H
#define EVERMX_PROBE_EHLO_H

/* The machine's own name, where it is one; else NULL. To be freed. */
char *ehlo_name_of_machine(void);

#endif
