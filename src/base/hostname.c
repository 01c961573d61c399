/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hostname.h"

#include "base/address.h"

#include <string.h>
#include <strings.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

enum { LABEL_MAX = 63, DOMAIN_MAX = 253 };

bool hostname_is_domain(const char *name)
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

bool hostname_is_literal(const char *name)
{
    static const char ipv6_tag[] = "IPv6:";
    enum { TAG = sizeof ipv6_tag - 1 };
    char text[ADDRESS_TEXT_SIZE];
    struct address address;
    size_t size = strlen(name);
    if (size < 2 || size - 2 >= sizeof text || name[0] != '[' || name[size - 1] != ']')
        return false;
    memcpy(text, name + 1, size - 2);
    text[size - 2] = '\0';
    bool tagged = strncasecmp(text, ipv6_tag, TAG) == 0;
    return address_parse(tagged ? text + TAG : text, &address) &&
           address.family == (tagged ? 6 : 4);
}
