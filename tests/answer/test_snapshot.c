/* SPDX-License-Identifier: BSD-2-Clause */
/* Publishing while others read. Under ThreadSanitizer this is the test of the memory order; under
 * AddressSanitizer, that nothing is freed under a reader, and everything in the end. */
#include "base/clock.h"
#include "base/counter.h"
#include "base/memory.h"
#include "serve/respond.h"
#include "support/fixture.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { READERS = 3, PUBLICATIONS = 3000, REPLACE_EVERY = 100 };

static const char *const zones[] = {"$ORIGIN example.test.\n$TTL 300\n"
                                    "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.53\n"
                                    "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\n"
                                    "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\nmx3 A 192.0.2.3\n",
                                    NULL};

struct reader {
    pthread_t thread;
    struct publisher *publisher;
    _Atomic bool *ending;
    counter answers;
    uint64_t wrong, backwards;
};

/* Every answer has one or more MX records that are whole, and serials never go back. */
static void *read_on(void *context)
{
    struct reader *reader = context;
    struct responder responder;
    responder_init(&responder, NULL, 7);
    uint8_t query[512], answer[UDP_ANSWER_MAX];
    size_t size = make_query(query, "example.test", RRTYPE_MX, 1232);
    uint64_t serial = 0;
    reader_register();
    while (!atomic_load_explicit(reader->ending, memory_order_relaxed)) {
        reader_online();
        for (unsigned i = 0; i < 8; i++) {
            const struct snapshot *snapshot = publisher_current(reader->publisher);
            reader->backwards += snapshot->serial < serial;
            serial = snapshot->serial;
            size_t answered =
                respond(&responder, snapshot, test_client(TRANSPORT_UDP), query, size, answer);
            unsigned count = read_u16(answer + HEADER_ANCOUNT);
            size_t record = 2 + RR_FIXED_SIZE + 2 + sizeof "\3mx1\7example\4test";
            reader->wrong += count < 1 || count > 3 || answered != size + count * record;
            counter_add(&reader->answers, 1);
        }
        reader_offline();
    }
    reader_unregister();
    return NULL;
}

static struct image *mx_image(const struct model *model, size_t pool, unsigned round)
{
    enum member_state states[3] = {MEMBER_SERVED, MEMBER_SERVED, MEMBER_SERVED};
    size_t members = model->pools[pool].nmembers;
    struct selection selection = {.members = states, .nserved = members, .ttl_s = 1 + round % 10};
    if (members == 3)
        states[round % 3] = MEMBER_DOWN;
    return image_of_pool(&model->pools[pool], &selection);
}

static void publish_once(struct fixture *fixture, unsigned round)
{
    const struct model *model = fixture->model;
    if (round % REPLACE_EVERY == 0) {
        struct image **images = fixture_images(model);
        publisher_replace(fixture->publisher, catalog_new(model), images, model->npools);
        free(images);
        return;
    }
    struct publisher_change changes[16];
    size_t count = 0;
    for (uint32_t i = 0; i < model->npools; i++)
        changes[count++] = (struct publisher_change){i, mx_image(model, i, round)};
    publisher_update(fixture->publisher, changes, count);
}

/* Until every reader has answered so many queries. */
static void wait_for_readers(const struct reader *readers, uint64_t answers)
{
    int64_t deadline_ms = clock_now_ms() + 20000;
    for (unsigned i = 0; i < READERS; i++)
        while (counter_read(&readers[i].answers) < answers && clock_now_ms() < deadline_ms)
            sched_yield();
}

static void publish_while_serving(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    assert_true(fixture.model->npools <= 16);
    _Atomic bool ending = false;
    struct reader readers[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.publisher = fixture.publisher, .ending = &ending};
        pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
    }
    for (unsigned round = 0; round < PUBLICATIONS; round++) {
        publish_once(&fixture, round);
        wait_for_readers(readers, round / 10);
    }
    assert_int_equal(publisher_serial(fixture.publisher), 1 + PUBLICATIONS);
    atomic_store(&ending, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].wrong, 0);
        assert_int_equal(readers[i].backwards, 0);
        assert_true(counter_read(&readers[i].answers) >= (PUBLICATIONS - 1) / 10);
    }
    fixture_free(&fixture);
}

static void *publish_some(void *context)
{
    for (unsigned round = 1; round < 50; round++)
        publish_once(context, round);
    return NULL;
}

/* The engine never waits for a reader that does not let go. */
static void publishing_does_not_wait(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    reader_register();
    reader_online();
    const struct snapshot *held = publisher_current(fixture.publisher);
    struct image *image = (struct image *)held->images[0];
    uint32_t size = image->size;
    pthread_t thread;
    int64_t start_ms = clock_now_ms();
    pthread_create(&thread, NULL, publish_some, &fixture);
    pthread_join(thread, NULL);
    assert_true(clock_now_ms() - start_ms < 5000);
    assert_int_equal(image->size, size); /* still there */
    reader_offline();
    reader_unregister();
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_while_serving),
        cmocka_unit_test(publishing_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
