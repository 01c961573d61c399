/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/ehlo.h"

#include "base/memory.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

enum { LABEL_MAX = 63, DOMAIN_MAX = 253 };

bool ehlo_name_is_domain(const char *name)
{
    unsigned labels = 0;
    const char *label = name;

    if (strlen(name) > DOMAIN_MAX)
        return false;
    for (;; label++) {
        size_t size = strspn(label, LETTERS DIGITS "-");
        if (!size || size > LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
            return false;
        labels++;
        if (!label[size])
            return labels > 1 && label[strspn(label, DIGITS)];
        if (label[size] != '.')
            return false;
        label += size;
    }
}

char *ehlo_name_of_machine(void)
{
    char name[HOST_NAME_MAX + 1] = "";
    if (gethostname(name, sizeof name - 1) < 0 || !ehlo_name_is_domain(name))
        return NULL;
    return memory_strdup(name);
}
