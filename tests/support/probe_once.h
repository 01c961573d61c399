/* SPDX-License-Identifier: BSD-2-Clause */
/* One probe of a scripted server, and scripts in short. */
#ifndef EVERMX_TESTS_PROBE_ONCE_H
#define EVERMX_TESTS_PROBE_ONCE_H

#include "probe/probe.h"
#include "support/script.h"

/* Of each step and of the whole probe, where settings leave it to probe_once. */
enum { STEP_MS = 500, PROBE_MS = 1500, PATIENCE_MS = 5000 };

/* "Not a byte before the end of the greeting" is looked at after this time. */
enum { LISTEN_MS = 50 };

/* One service probe of what listens there, as "probe.example.test" of mx.example.test. The
 * settings' times that are 0 become those above. ca_file may be NULL. */
struct outcome probe_once(const char *address, uint16_t port, const struct check_settings *settings,
                          const char *ca_file);
/* The same with a target that earlier probes have taught something. */
struct outcome probe_target_once(const struct probe_target *target, const char *ca_file);

/* clang-format off */
#define SAY(words)        {.op = SCRIPT_SAY, .text = words}
#define SAY_OCTETS(words) {.op = SCRIPT_SAY, .text = words, .number = sizeof words - 1}
#define HEAR(words)       {.op = SCRIPT_HEAR, .text = words}
#define PAUSE(ms)         {.op = SCRIPT_PAUSE, .number = ms}
#define QUIET             PAUSE(LISTEN_MS), {.op = SCRIPT_QUIET}
#define TLS               {.op = SCRIPT_TLS, .text = "mx.example.test"}
#define TLS_WITH(kind)    {.op = SCRIPT_TLS, .text = "mx.example.test", .number = CERTIFICATE_##kind}
#define HALF_TLS          {.op = SCRIPT_HALF_TLS}
#define DRIBBLE(words)    {.op = SCRIPT_DRIBBLE, .text = words, .number = 20}
#define FLOOD(words)      {.op = SCRIPT_FLOOD, .text = words}
#define GONE              {.op = SCRIPT_GONE}
#define STALL             {.op = SCRIPT_STALL}
#define RESET             {.op = SCRIPT_RESET}
#define END               {.op = SCRIPT_END}
#define STEPS(...)        (const struct script_step[]) {__VA_ARGS__, END}
/* clang-format on */

#endif
