/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard output. Lines go down it one by one; on a terminal a block of lines stays below them and
 * is drawn anew in place, with colours unless $NO_COLOR is set. */
#ifndef EVERMX_DEMO_SCREEN_H
#define EVERMX_DEMO_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum colour { PLAIN, BOLD, FAINT, RED, GREEN, YELLOW, CYAN };

struct screen {
    bool live, coloured;
    char *block; /* what stands below the lines; NULL: nothing */
    int drawn;   /* lines of it on the terminal */
};

void screen_open(struct screen *screen);
void screen_close(struct screen *screen); /* leaves the lines, takes the block away */

/* What to put into a text where a colour begins; "" without colours. */
const char *screen_colour(const struct screen *screen, enum colour colour);

/* One or more whole lines. */
void screen_print(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Lines that take the place of the block; longer ones than the terminal is wide are cut. Nothing
 * happens unless live. */
void screen_draw(struct screen *screen, const char *lines);

bool screen_is_lost(void); /* nobody reads it any more */

#endif
