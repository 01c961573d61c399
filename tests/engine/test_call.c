/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls from other threads to a loop: run in order, given up in time, never freed twice or lost. */
#include "engine/call.h"

#include "base/clock.h"
#include "base/memory.h"

#include <event2/event.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 1000, LONG_MS = 60000, THREADS = 8, CALLS = 500 };

struct loop {
    struct event_base *base;
    struct event *keep; /* the loop goes on without other events */
    struct calls *calls;
    pthread_t thread;
    sem_t entered, go;
    atomic_int ran, discarded;
    int order[CALLS];
};

struct test_call {
    struct call call;
    struct loop *loop;
    int number;
};

static void run_plain(struct call *call, void *context)
{
    struct loop *loop = context;
    assert_ptr_equal(loop, ((struct test_call *)call)->loop);
    assert_true(pthread_equal(pthread_self(), loop->thread));
    int at = atomic_fetch_add(&loop->ran, 1);
    if (at < CALLS)
        loop->order[at] = ((struct test_call *)call)->number;
}

static void run_stuck(struct call *call, void *context)
{
    struct loop *loop = context;
    sem_post(&loop->entered);
    sem_wait(&loop->go);
    run_plain(call, context);
}

static void run_stop(struct call *call, void *context)
{
    (void)call;
    event_base_loopbreak(((struct loop *)context)->base);
}

static void discard(struct call *call)
{
    atomic_fetch_add(&((struct test_call *)call)->loop->discarded, 1);
    free(call);
}

static bool make_call(struct loop *loop, void (*run)(struct call *, void *), int number,
                      struct error *error)
{
    struct test_call *call = memory_alloc(sizeof *call);
    call->call = (struct call){.run = run, .discard = discard};
    call->loop = loop;
    call->number = number;
    if (!calls_run(loop->calls, &call->call, error))
        return false;
    discard(&call->call);
    return true;
}

static void do_nothing(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what, (void)context;
}

static void *turn(void *context)
{
    struct loop *loop = context;
    event_base_dispatch(loop->base);
    return NULL;
}

static void loop_start(struct loop *loop, int64_t patience_ms)
{
    const struct timeval hour = {.tv_sec = 3600};
    memset(loop, 0, sizeof *loop);
    sem_init(&loop->entered, 0, 0);
    sem_init(&loop->go, 0, 0);
    loop->base = event_base_new();
    loop->keep = event_new(loop->base, -1, EV_PERSIST, do_nothing, NULL);
    event_add(loop->keep, &hour);
    loop->calls = calls_new(loop->base, patience_ms, loop);
    assert_non_null(loop->calls);
    assert_int_equal(pthread_create(&loop->thread, NULL, turn, loop), 0);
}

static void loop_stop(struct loop *loop)
{
    assert_true(make_call(loop, run_stop, 0, NULL));
    pthread_join(loop->thread, NULL);
    calls_free(loop->calls);
    event_free(loop->keep);
    event_base_free(loop->base);
    sem_destroy(&loop->entered);
    sem_destroy(&loop->go);
}

static void calls_run_in_order(void **state)
{
    (void)state;
    struct loop loop;
    loop_start(&loop, LONG_MS);
    for (int i = 0; i < CALLS; i++)
        assert_true(make_call(&loop, run_plain, i, NULL));
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(loop.order[i], i);
    loop_stop(&loop);
    assert_int_equal(loop.ran, CALLS);
    assert_int_equal(loop.discarded, CALLS + 1);
}

static void *call_often(void *context)
{
    for (int i = 0; i < CALLS; i++)
        if (!make_call(context, run_plain, i, NULL))
            return context;
    return NULL;
}

static void calls_from_many_threads(void **state)
{
    (void)state;
    struct loop loop;
    pthread_t threads[THREADS];
    void *failed;
    loop_start(&loop, LONG_MS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &loop), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    loop_stop(&loop);
    assert_int_equal(loop.ran, THREADS * CALLS);
    assert_int_equal(loop.discarded, THREADS * CALLS + 1);
}

struct caller {
    struct loop *loop;
    struct error error;
    bool done;
};

static void *call_stuck(void *context)
{
    struct caller *caller = context;
    caller->done = make_call(caller->loop, run_stuck, 1, &caller->error);
    return NULL;
}

/* One call is under way and does not end, another waits behind it: both callers get their error in
 * time. The first ends by itself later, the second never runs. */
static void callers_give_up(void **state)
{
    (void)state;
    struct loop loop;
    struct caller caller = {.loop = &loop};
    struct error error;
    pthread_t thread;
    loop_start(&loop, PATIENCE_MS);
    assert_int_equal(pthread_create(&thread, NULL, call_stuck, &caller), 0);
    sem_wait(&loop.entered);
    int64_t start_ms = clock_now_ms();
    assert_false(make_call(&loop, run_plain, 2, &error));
    assert_in_range(clock_now_ms() - start_ms, PATIENCE_MS - 1, 10 * PATIENCE_MS);
    assert_string_equal(error.text, "the engine gives no answer within 1 s");
    assert_int_equal(loop.discarded, 1); /* it was never begun */
    pthread_join(thread, NULL);
    assert_false(caller.done);
    assert_string_equal(caller.error.text, error.text);
    assert_int_equal(loop.discarded, 1); /* still under way */
    sem_post(&loop.go);
    assert_true(make_call(&loop, run_plain, 3, NULL)); /* all is well again */
    assert_int_equal(loop.ran, 2);
    assert_int_equal(loop.order[0], 1);
    assert_int_equal(loop.order[1], 3);
    assert_int_equal(loop.discarded, 3);
    loop_stop(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_run_in_order),
        cmocka_unit_test(calls_from_many_threads),
        cmocka_unit_test(callers_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
