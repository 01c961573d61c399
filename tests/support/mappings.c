/* SPDX-License-Identifier: BSD-2-Clause */
/* See mappings.h. */
#include "support/mappings.h"

#include "base/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* AddressSanitizer's own memory is as large, and kept out of core dumps. */
#define SHADOW_BYTES ((uintptr_t)1 << 30)

struct mapping {
    uintptr_t begin, end;
    bool readable, dumped;
};

static FILE *open_map(pid_t process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)process);
    FILE *map = fopen(path, "re");
    if (!map)
        fail_msg("%s cannot be opened", path);
    return map;
}

/* The lines of one mapping end with its flags: "dd" is MADV_DONTDUMP. False: there is no more. */
static bool next_mapping(FILE *map, struct mapping *mapping)
{
    char line[4096], rights[8];
    uintptr_t begin, end;
    while (fgets(line, sizeof line, map)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &begin, &end, rights) == 3)
            *mapping = (struct mapping){begin, end, rights[0] == 'r', true};
        if (strncmp(line, "VmFlags:", 8) != 0)
            continue;
        mapping->dumped = !strstr(line, " dd");
        return true;
    }
    return false;
}

bool mapping_is_dumped(const void *address)
{
    struct mapping mapping;
    bool found = false;
    FILE *map = open_map(getpid());
    while (!found && next_mapping(map, &mapping))
        found = (uintptr_t)address >= mapping.begin && (uintptr_t)address < mapping.end;
    fclose(map);
    assert_true(found);
    return mapping.dumped;
}

static unsigned count_in(const char *bytes, size_t have, const void *octets, size_t size)
{
    unsigned count = 0;
    const char *end = bytes + have;
    for (const char *at = bytes; (at = memmem(at, (size_t)(end - at), octets, size)); at++)
        count++;
    return count;
}

/* By pieces that overlap; what cannot be read (pages of devices) is passed over. */
static unsigned search_mapping(int memory, const struct mapping *mapping, const void *octets,
                               size_t size)
{
    enum { PIECE = 1 << 20 };
    char *bytes = memory_alloc(PIECE);
    unsigned count = 0;
    for (uintptr_t at = mapping->begin; at < mapping->end; at += PIECE - size + 1) {
        size_t left = mapping->end - at;
        ssize_t got = pread(memory, bytes, left < PIECE ? left : PIECE, (off_t)at);
        if (got > 0)
            count += count_in(bytes, (size_t)got, octets, size);
    }
    free(bytes);
    return count;
}

struct mappings_found mappings_search(pid_t process, const void *octets, size_t size)
{
    struct mappings_found found = {0};
    struct mapping mapping;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    FILE *map = open_map(process);
    while (next_mapping(map, &mapping)) {
        bool shadow = !mapping.dumped && mapping.end - mapping.begin > SHADOW_BYTES;
        if (!mapping.readable || shadow)
            continue;
        unsigned count = search_mapping(memory, &mapping, octets, size);
        found.mappings++;
        *(mapping.dumped ? &found.dumped : &found.kept_out) += count;
    }
    fclose(map);
    close(memory);
    return found;
}
