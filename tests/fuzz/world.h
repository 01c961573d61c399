/* SPDX-License-Identifier: BSD-2-Clause */
/* What the targets that need one are served from: zones with every kind of name, steered pools with
 * several variants, hosts up, down and drained, a zone whose file is bad. Made once, by the first
 * call. */
#ifndef EVERMX_TESTS_FUZZ_WORLD_H
#define EVERMX_TESTS_FUZZ_WORLD_H

#include "answer/snapshot.h"
#include "model/model.h"
#include "serve/respond.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct publisher *world_publisher(void);
const struct snapshot *world_snapshot(void);

/* The configuration and zones anew, for who wants a model of its own; with the zone of large
 * answers, which takes its time, or without. */
struct config *world_config(bool large);
struct model *world_model(const struct config *config);

/* A publisher of a model. Services are up, down or drained by their number and salt; salt 0: all
 * are up. */
struct publisher *world_publish(const struct model *model, unsigned salt);

/* What responders are told: cookies, an identity, canary names. */
const struct settings *world_settings(void);

/* respond() with a responder that has just begun; seed is of its random numbers. The answer has
 * room for WORLD_UDP_MAX octets by UDP. */
enum { WORLD_UDP_MAX = UDP_ANSWER_DEFAULT };
size_t world_respond(const struct snapshot *snapshot, enum transport transport, uint64_t seed,
                     const uint8_t *query, size_t size, uint8_t *answer);

/* The same by UDP, for a client that has asked too much. */
size_t world_slip(const struct snapshot *snapshot, const uint8_t *query, size_t size,
                  uint8_t *answer);

#endif
