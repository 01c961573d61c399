/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands of evermx-drill: argv[0] is the subcommand's own name. Each returns the exit
 * status. */
#ifndef EVERMX_DRILL_DRILL_H
#define EVERMX_DRILL_DRILL_H

enum drill_status {
    DRILL_DONE,
    DRILL_UNNOTICED = 1, /* something was measured, and a failure was never noticed */
    DRILL_WRONG_USAGE = 2,
    DRILL_IMPOSSIBLE = 3, /* nothing could be measured: no server, no root, no file */
};

int drill_watch(int argc, char **argv);
int drill_lab(int argc, char **argv);
int drill_resolvers(int argc, char **argv);
int drill_simulate(int argc, char **argv);
int drill_report(int argc, char **argv);

#endif
