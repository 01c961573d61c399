/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/call.h"

#include "base/memory.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct calls {
    void *context;
    int64_t patience_ms;
    pthread_mutex_t lock; /* of all below, and of the calls' states */
    struct call *first;
    int wake_fd;
    struct event *wake;
};

/* Order matters: a load and a force that follow each other must not change places. */
static void append(struct calls *calls, struct call *call)
{
    struct call **at = &calls->first;
    while (*at)
        at = &(*at)->next;
    *at = call;
}

static void take_out(struct calls *calls, struct call *call)
{
    struct call **at = &calls->first;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct calls *calls = context;
    eventfd_t count;
    (void)what;
    eventfd_read(fd, &count);
    pthread_mutex_lock(&calls->lock);
    for (struct call *call; (call = calls->first);) {
        calls->first = call->next;
        call->state = CALL_RUNNING;
        pthread_mutex_unlock(&calls->lock);
        call->run(call, calls->context);
        pthread_mutex_lock(&calls->lock);
        call->state = CALL_DONE;
        if (call->abandoned) {
            pthread_cond_destroy(&call->done);
            call->discard(call);
        } else {
            pthread_cond_signal(&call->done);
        }
    }
    pthread_mutex_unlock(&calls->lock);
}

struct calls *calls_new(struct event_base *base, int64_t patience_ms, void *context)
{
    struct calls *calls = memory_alloc(sizeof *calls);
    calls->context = context;
    calls->patience_ms = patience_ms;
    pthread_mutex_init(&calls->lock, NULL);
    calls->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (calls->wake_fd >= 0)
        calls->wake = event_new(base, calls->wake_fd, EV_READ | EV_PERSIST, on_wake, calls);
    if (calls->wake && event_add(calls->wake, NULL) == 0)
        return calls;
    calls_free(calls);
    return NULL;
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    if (calls->wake)
        event_free(calls->wake);
    if (calls->wake_fd >= 0)
        close(calls->wake_fd);
    pthread_mutex_destroy(&calls->lock);
    free(calls);
}

static struct timespec deadline_in(int64_t ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    int64_t ns = deadline.tv_nsec + ms % 1000 * 1000000;
    deadline.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    deadline.tv_nsec = (long)(ns % 1000000000);
    return deadline;
}

/* With the lock held; whether it is done. */
static bool wait_for(struct calls *calls, struct call *call)
{
    struct timespec deadline = deadline_in(calls->patience_ms);
    while (call->state != CALL_DONE)
        if (pthread_cond_timedwait(&call->done, &calls->lock, &deadline) != 0)
            return call->state == CALL_DONE;
    return true;
}

static void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool calls_run(struct calls *calls, struct call *call, struct error *error)
{
    condition_init(&call->done);
    pthread_mutex_lock(&calls->lock);
    append(calls, call);
    eventfd_write(calls->wake_fd, 1);
    bool done = wait_for(calls, call), running = call->state == CALL_RUNNING;
    if (running)
        call->abandoned = true;
    else if (!done)
        take_out(calls, call);
    pthread_mutex_unlock(&calls->lock);
    if (!running)
        pthread_cond_destroy(&call->done);
    if (!running && !done)
        call->discard(call);
    return done || error_set(error, "the engine gives no answer within %g s",
                             (double)calls->patience_ms / 1000);
}
