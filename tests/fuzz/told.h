/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds for all that is told about a file. */
#ifndef EVERMX_TESTS_FUZZ_TOLD_H
#define EVERMX_TESTS_FUZZ_TOLD_H

#include "base/diagnostics.h"

/* It goes to terminals and logs: something is told, on one line, and never a control character. */
void told_check(const struct diagnostics *diagnostics);

#endif
