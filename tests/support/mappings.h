/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a process as a core dump would show it (/proc/PID/smaps, mem). For tests. */
#ifndef EVERMX_TESTS_MAPPINGS_H
#define EVERMX_TESTS_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether an address of our own lies in memory that goes to a core dump. */
bool mapping_is_dumped(const void *address);

/* How often octets stand in the memory of a process that goes to a core dump, and in that which
 * does not. The process must stand still. */
struct mappings_found {
    unsigned dumped, kept_out;
    size_t mappings; /* that were searched */
};
struct mappings_found mappings_search(pid_t process, const void *octets, size_t size);

#endif
