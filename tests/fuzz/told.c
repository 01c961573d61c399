/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/told.h"

#include "fuzz/fuzz.h"

void told_check(const struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct diagnostic *diagnostic = &diagnostics->list[i];
        FUZZ_CHECK(diagnostic->line >= 0 && diagnostic->column >= 0);
        FUZZ_CHECK(*diagnostic->text);
        for (const char *at = diagnostic->text; *at; at++)
            FUZZ_CHECK((unsigned char)*at >= ' ' && *at != 0x7F);
    }
}
