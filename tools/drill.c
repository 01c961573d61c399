/* SPDX-License-Identifier: BSD-2-Clause */
/* evermx-drill(1): how long a failover takes, measured, predicted and drawn. */
#include "drill/drill.h"
#include "drill/record/text.h"

#include <stdio.h>
#include <string.h>

static const struct subcommand {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"watch", "samples servers, resolvers and a host while it fails, or breaks it itself",
     drill_watch},
    {"lab", "measures failovers of real servers in namespaces of this machine", drill_lab},
    {"resolvers", "tells what resolvers do with TTLs, and so with a failover", drill_resolvers},
    {"simulate", "predicts how long a failover takes, and what it costs", drill_simulate},
    {"report", "shows again, compares and draws what was kept by --json", drill_report},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static void print_usage(FILE *file)
{
    fputs("usage: evermx-drill SUBCOMMAND [OPTION ...]\n", file);
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        fprintf(file, "  %-10s %s\n", subcommands[i].name, subcommands[i].what);
    fputs("`evermx-drill SUBCOMMAND --help` tells its options; evermx-drill(1) all of it.\n", file);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        if (strcmp(name, subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("evermx-drill " EVERMX_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (*name)
        text_say(stderr, "evermx-drill: there is no subcommand '%s'\n", name);
    print_usage(stderr);
    return DRILL_WRONG_USAGE;
}
