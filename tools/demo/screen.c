/* SPDX-License-Identifier: BSD-2-Clause */
#include "screen.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ECMA-48 control sequences. None that has to be undone: who kills the demonstration finds the
 * terminal as it was. */
#define CURSOR_UP   "\033[%dA"
#define ERASE_LINE  "\033[K"
#define ERASE_BELOW "\033[J"
#define COLOURS_OFF "\033[0m"

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24, FRAME_SIZE = 16384 };

void screen_open(struct screen *screen)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *screen = (struct screen){0};
    screen->live = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    screen->coloured = screen->live && !(no_color && *no_color);
    /* A frame goes out in one piece, so that it does not flicker. */
    setvbuf(stdout, NULL, screen->live ? _IOFBF : _IOLBF, FRAME_SIZE);
}

const char *screen_colour(const struct screen *screen, enum colour colour)
{
    static const char *const codes[] = {
        [PLAIN] = COLOURS_OFF, [BOLD] = "\033[1m",    [FAINT] = "\033[2m", [RED] = "\033[31m",
        [GREEN] = "\033[32m",  [YELLOW] = "\033[33m", [CYAN] = "\033[36m",
    };
    return screen->coloured ? codes[colour] : "";
}

static struct winsize window(void)
{
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    if (!size.ws_col)
        size.ws_col = COLUMNS_DEFAULT;
    if (!size.ws_row)
        size.ws_row = ROWS_DEFAULT;
    return size;
}

/* One line without its end, cut to the width; sequences have none. Where the next begins. */
static const char *put_cut(const char *line, int width)
{
    for (int used = 0; *line && *line != '\n'; line++) {
        if (*line == '\033') {
            size_t length = strcspn(line, "m");
            fwrite(line, 1, length + 1, stdout);
            line += length;
        } else if (used++ < width) {
            putchar(*line);
        }
    }
    return *line ? line + 1 : line;
}

static void erase(struct screen *screen)
{
    if (screen->drawn)
        printf("\r" CURSOR_UP ERASE_BELOW, screen->drawn);
    screen->drawn = 0;
}

/* The last column stays empty: what a terminal does behind it differs. A window that has no room
 * for the block beside a few lines does without. */
static void redraw(struct screen *screen)
{
    const struct winsize size = window();
    int lines = 0;
    for (const char *at = screen->block; at && (at = strchr(at, '\n')); at++)
        lines++;
    if (screen->drawn != lines)
        erase(screen);
    else if (lines)
        printf("\r" CURSOR_UP, lines);
    if (lines + 2 > size.ws_row)
        return;
    for (const char *at = screen->block; at && *at; screen->drawn = lines) {
        at = put_cut(at, size.ws_col - 1);
        fputs(screen->coloured ? COLOURS_OFF ERASE_LINE "\n" : ERASE_LINE "\n", stdout);
    }
}

void screen_print(struct screen *screen, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    erase(screen);
    vprintf(format, arguments);
    redraw(screen);
    fflush(stdout);
    va_end(arguments);
}

void screen_draw(struct screen *screen, const char *lines)
{
    if (!screen->live)
        return;
    free(screen->block);
    screen->block = memory_strdup(lines);
    redraw(screen);
    fflush(stdout);
}

void screen_close(struct screen *screen)
{
    erase(screen);
    free(screen->block);
    screen->block = NULL;
    fflush(stdout);
}

bool screen_is_lost(void)
{
    return ferror(stdout) != 0;
}
