/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/display.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Controls; characters of no width; those that order the directions of others, by which a text can
 * be shown as another one; ends of lines and paragraphs; what is no character in XML either; tags.
 */
static const struct {
    uint32_t first, last;
} unfit[] = {
    {0x01, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f},
};

static bool is_unfit(uint32_t character)
{
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++)
        if (character >= unfit[i].first && character <= unfit[i].last)
            return true;
    return false;
}

/* Of valid UTF-8. Returns its size. */
static size_t character_at(const unsigned char *at, uint32_t *character)
{
    size_t size = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    *character = size == 1 ? *at : *at & (0x7fu >> size);
    for (size_t i = 1; i < size; i++)
        *character = *character << 6 | (at[i] & 0x3f);
    return size;
}

bool display_clean(char *text)
{
    bool found = false;
    uint32_t character;
    char *to = text;
    for (size_t size; *text; text += size) {
        size = character_at((const unsigned char *)text, &character);
        if (is_unfit(character)) {
            *to++ = '?';
            found = true;
        } else {
            memmove(to, text, size);
            to += size;
        }
    }
    *to = '\0';
    return found;
}
