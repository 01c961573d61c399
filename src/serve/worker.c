/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/worker.h"

#include <string.h>
#include <sys/random.h>

void worker_responder_init(struct responder *responder, const char *identity)
{
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof seed, 0);
    (void)got; /* any seed will do */
    responder_init(responder, identity, seed);
}

bool worker_thread_start(pthread_t *thread, void *(*run)(void *), void *worker, const char *what,
                         struct error *error)
{
    int failure = pthread_create(thread, NULL, run, worker);
    return failure == 0 || error_set(error, "starting %s: %s", what, strerror(failure));
}
