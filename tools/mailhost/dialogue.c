/* SPDX-License-Identifier: BSD-2-Clause */
/* What the dialogues share. */
#include "dialogue.h"

#include <string.h>
#include <strings.h>

bool dialogue_match(const char *line, const char *word, const char **arguments)
{
    size_t size = strlen(word);
    if (strncasecmp(line, word, size) != 0 || (line[size] != '\0' && line[size] != ' '))
        return false;
    *arguments = line + size + strspn(line + size, " ");
    return true;
}
