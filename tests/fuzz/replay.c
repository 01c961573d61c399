/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts stored inputs to a fuzz target, without libFuzzer: the files of a folder, or those named.
 *
 *     replay_TARGET [FILE | FOLDER]...      default: tests/fuzz/corpus/TARGET
 *
 * Each input is an allocation of exactly its size, so that AddressSanitizer sees what reads past
 * it. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

struct replay {
    unsigned inputs, unreadable;
};

static uint8_t *read_input(const char *path, size_t size)
{
    uint8_t *bytes = malloc(size);
    FILE *in = fopen(path, "re");
    bool good = in && (bytes || !size) && fread(bytes, 1, size, in) == size;
    if (in)
        fclose(in);
    if (good)
        return bytes;
    free(bytes);
    return NULL;
}

/* The name goes ahead of the input: what crashes leaves no time to tell. */
static void replay_file(struct replay *replay, const char *path, size_t size)
{
    printf("%s\n", path);
    fflush(stdout);
    uint8_t *bytes = read_input(path, size);
    if (!bytes && size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        replay->unreadable++;
        return;
    }
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    replay->inputs++;
}

static void replay_path(struct replay *replay, const char *path);

static void replay_folder(struct replay *replay, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            replay_path(replay, inner);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void replay_path(struct replay *replay, const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        replay->unreadable++;
    } else if (S_ISDIR(status.st_mode)) {
        replay_folder(replay, path);
    } else {
        replay_file(replay, path, (size_t)status.st_size);
    }
}

static void replay_default(struct replay *replay, const char *program)
{
    char folder[256];
    const char *target = strstr(program, "replay_");
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", target ? target + 7 : program);
    replay_path(replay, folder);
}

int main(int count, char **words)
{
    struct replay replay = {0};
    for (int i = 1; i < count; i++)
        replay_path(&replay, words[i]);
    if (count < 2)
        replay_default(&replay, words[0]);
    bool good = replay.inputs && !replay.unreadable;
    printf("%u inputs\n%d passed, %d failed\n", replay.inputs, good, !good);
    return !good;
}
