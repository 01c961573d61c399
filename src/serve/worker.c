/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/worker.h"

#include <string.h>
#include <sys/random.h>

uint64_t worker_seed(void)
{
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof seed, 0);
    (void)got; /* any seed will do */
    return seed;
}

void worker_responder_init(struct responder *responder, const char *identity)
{
    responder_init(responder, identity, worker_seed());
}

bool worker_thread_start(pthread_t *thread, void *(*run)(void *), void *worker, const char *name,
                         struct error *error)
{
    int failure = pthread_create(thread, NULL, run, worker);
    if (failure)
        return error_set(error, "starting a thread (%s): %s", name, strerror(failure));
    pthread_setname_np(*thread, name);
    return true;
}
