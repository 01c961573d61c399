/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/ehlo.h"

#include "base/hostname.h"
#include "base/memory.h"

#include <limits.h>
#include <unistd.h>

char *ehlo_name_of_machine(void)
{
    char name[HOST_NAME_MAX + 1] = "";
    if (gethostname(name, sizeof name - 1) < 0 || !hostname_is_domain(name))
        return NULL;
    return memory_strdup(name);
}
