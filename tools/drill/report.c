/* SPDX-License-Identifier: BSD-2-Clause */
#include "drill.h"

#include <stdio.h>

int drill_report(int argc, char **argv)
{
    (void)argc, (void)argv;
    fputs("evermx-drill report: not yet\n", stderr);
    return DRILL_IMPOSSIBLE;
}
