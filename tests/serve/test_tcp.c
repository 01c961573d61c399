/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP as clients use and abuse it: each abuse ends by itself, and costs others nothing. Loopback
 * only, bounded. */
#include "base/clock.h"
#include "base/memory.h"
#include "support/running.h"
#include "wire/message.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUERY_ROOM = 128 };

static void ask(int socket, uint16_t id)
{
    uint8_t query[QUERY_ROOM];
    send_all(socket, query, tcp_query(query, id));
    receive_answer(socket, id);
}

/* Whether the server has closed it by now, whatever may still be read. */
static bool is_closed(int socket)
{
    struct pollfd poll_of = {.fd = socket, .events = POLLRDHUP};
    return poll(&poll_of, 1, 0) == 1;
}

static void wait_until_closed(int socket)
{
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (!is_closed(socket) && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 5);
    assert_true(is_closed(socket));
}

static void pipelined(void **state)
{
    struct running *running = *state;
    enum { QUERIES = 3000 };
    uint8_t query[128];
    size_t size = tcp_query(query, 0);
    uint8_t *all = memory_array(QUERIES, size);
    for (uint16_t i = 0; i < QUERIES; i++)
        tcp_query(all + i * size, i);
    int client = running_connect(running, SOCK_STREAM, "::1", NULL);
    send_all(client, all, QUERIES * size);
    for (uint16_t i = 0; i < QUERIES; i++)
        receive_answer(client, i);
    close(client);
    free(all);
}

static void octet_by_octet(void **state)
{
    struct running *running = *state;
    uint8_t query[128];
    size_t size = tcp_query(query, 7);
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    for (size_t i = 0; i < size; i++)
        send_all(client, query + i, 1);
    receive_answer(client, 7);
    /* One and a half, then the other half: the connection goes on. */
    uint8_t two[256];
    size_t first = tcp_query(two, 8);
    size_t both = first + tcp_query(two + first, 9);
    send_all(client, two, first + 5);
    receive_answer(client, 8);
    send_all(client, two + first + 5, both - first - 5);
    receive_answer(client, 9);
    close(client);
}

static void half_closed(void **state)
{
    struct running *running = *state;
    uint8_t query[128];
    size_t size = tcp_query(query, 7);
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, query, size);
    shutdown(client, SHUT_WR);
    receive_answer(client, 7);
    assert_int_equal(receive(client, query, sizeof query), 0);
    close(client);
}

static void nonsense_is_closed(void **state)
{
    struct running *running = *state;
    uint8_t bytes[64] = {0, 0};
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, bytes, 2); /* length 0 */
    assert_int_equal(receive(client, bytes, sizeof bytes), 0);
    close(client);
    client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, (const uint8_t *)"\0\14\0\0\200\0\0\0\0\0\0\0\0\0", 14); /* an answer */
    assert_int_equal(receive(client, bytes, sizeof bytes), 0);
    close(client);
}

/* What was asked before nonsense is answered there, and nowhere else. */
static void query_then_nonsense(void **state)
{
    struct running *running = *state;
    uint8_t bytes[128];
    size_t size = tcp_query(bytes, 7);
    memset(bytes + size, 0, 2); /* length 0 */
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, bytes, size + 2);
    receive_answer(client, 7);
    assert_int_equal(receive(client, bytes, sizeof bytes), 0);
    close(client);
    client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    size = tcp_query(bytes, 8);
    send_all(client, bytes, size);
    receive_answer(client, 8);
    close(client);
}

/* Single octets do not keep a connection open; whole queries do. */
static void idle(void **state)
{
    struct running *running = *state;
    uint8_t query[128], rest[16];
    size_t size = tcp_query(query, 1);
    int busy = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    int dripping = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    int64_t start_ms = clock_now_ms();
    bool open = true;
    for (size_t i = 0; open && clock_now_ms() - start_ms < PATIENCE_MS; i++) {
        send_all(busy, query, size);
        receive_answer(busy, 1);
        open = i >= size - 1 || send(dripping, query + i, 1, MSG_NOSIGNAL) == 1;
        struct pollfd poll_of = {.fd = dripping, .events = POLLIN};
        if (poll(&poll_of, 1, 50) == 1)
            open = recv(dripping, rest, sizeof rest, 0) > 0;
    }
    assert_false(open);
    assert_in_range(clock_now_ms() - start_ms, RUNNING_IDLE_MS - 50, PATIENCE_MS / 2);
    send_all(busy, query, size);
    receive_answer(busy, 1);
    close(dripping);
    close(busy);
}

/* Who asks without end and never reads loses only his own connection. */
static void never_reads(void **state)
{
    struct running *running = *state;
    uint8_t query[128];
    size_t size = tcp_query(query, 1);
    int greedy = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    int64_t start_ms = clock_now_ms();
    while (clock_now_ms() - start_ms < PATIENCE_MS) {
        ssize_t sent = send(greedy, query, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        if (sent < 0)
            poll(NULL, 0, 5);
        else if ((size_t)sent < size) /* the rest of it, or what follows is not to be understood */
            while (sent >= 0 && (size_t)sent < size && clock_now_ms() - start_ms < PATIENCE_MS) {
                ssize_t more =
                    send(greedy, query + sent, size - (size_t)sent, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (more > 0)
                    sent += more;
                else if (errno != EAGAIN)
                    break;
            }
    }
    int other = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(other, query, size);
    receive_answer(other, 1);
    close(other);
    /* The greedy one has been dropped, though it never closed. */
    running_wait_for_connections(running, 0);
    close(greedy);
}

/* Three queries cut in two at every octet; the halves arrive apart. */
static void split_everywhere(void **state)
{
    struct running *running = *state;
    uint8_t all[3 * QUERY_ROOM];
    size_t size = 0;
    for (uint16_t id = 1; id <= 3; id++)
        size += tcp_query(all + size, id);
    for (size_t at = 1; at < size; at++) {
        int client = running_connect(running, SOCK_STREAM, at % 2 ? "127.0.0.1" : "::1", NULL);
        send_all(client, all, at);
        poll(NULL, 0, 1);
        send_all(client, all + at, size - at);
        for (uint16_t id = 1; id <= 3; id++)
            receive_answer(client, id);
        close(client);
    }
}

/* A length that promises more than comes, and the largest one in full: no query, so FORMERR. */
static void lengths(void **state)
{
    struct running *running = *state;
    uint8_t *bytes = memory_alloc(2 + 65535);
    size_t size = tcp_query(bytes, 5);
    write_u16(bytes, (uint16_t)(size - 2 + 1));
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, bytes, size);
    wait_until_closed(client);
    close(client);
    assert_int_equal(running_numbers(running).tcp_expired, 1);
    write_u16(bytes, 65535);
    client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, bytes, 2 + 65535);
    uint8_t answer[2 + HEADER_SIZE];
    receive_all(client, answer, sizeof answer);
    assert_int_equal(read_u16(answer + 2), 5);
    assert_int_equal(answer[2 + HEADER_FLAGS_LOW] & 0x0F, 1);
    close(client);
    free(bytes);
}

/* After an answered query, too: a query in single octets has one time limit, from its first. */
static void trickled_second_query(void **state)
{
    struct running *running = *state;
    uint8_t query[QUERY_ROOM];
    tcp_query(query, 2);
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    ask(client, 1);
    int64_t start_ms = clock_now_ms();
    for (size_t i = 0; i < 30 && !is_closed(client); i++) {
        send(client, query + i, 1, MSG_NOSIGNAL);
        poll(NULL, 0, 50);
    }
    assert_true(is_closed(client));
    assert_in_range(clock_now_ms() - start_ms, RUNNING_IDLE_MS - 50, 1200);
    close(client);
}

/* Large answers read with breaks by a peer that has closed its side: all come, then the end. */
static void half_closed_and_slow(void **state)
{
    struct running *running = *state;
    enum { QUERIES = 40 };
    uint8_t all[QUERIES * QUERY_ROOM];
    size_t size = 0;
    for (uint16_t id = 0; id < QUERIES; id++)
        size += id % 2 ? tcp_query(all + size, id) : tcp_large_query(all + size, id);
    int client = running_connect(running, SOCK_STREAM, "::1", NULL);
    send_all(client, all, size);
    shutdown(client, SHUT_WR);
    for (uint16_t id = 0; id < QUERIES; id++) {
        poll(NULL, 0, 10);
        receive_answer(client, id);
    }
    assert_int_equal(receive(client, all, sizeof all), 0);
    close(client);
}

/* Of many who take nothing, each is dropped when its time is over, and what they have cost is
 * given back; meanwhile others are answered. */
static void slow_readers(void **state)
{
    struct running *running = *state;
    enum { READERS = 100, QUERIES = 60 };
    uint8_t all[QUERIES * QUERY_ROOM];
    int readers[READERS];
    size_t size = 0;
    for (uint16_t id = 0; id < QUERIES; id++)
        size += tcp_large_query(all + size, id);
    int64_t start_ms = clock_now_ms();
    for (int i = 0; i < READERS; i++) {
        readers[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
        send_all(readers[i], all, size);
    }
    int other = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.2");
    for (uint16_t id = 0; id < 10; id++)
        ask(other, id);
    close(other);
    running_wait_for_connections(running, 0);
    assert_in_range(clock_now_ms() - start_ms, RUNNING_IDLE_MS - 50, PATIENCE_MS / 2);
    assert_int_equal(running_numbers(running).tcp_expired, READERS);
    for (int i = 0; i < READERS; i++)
        close(readers[i]);
}

/* More than the kernel's buffers hold is more than 16 MiB of ours with so many: the first go
 * before their time is over. */
static void memory_in_sum(void **state)
{
    struct running *running = *state;
    running_restart(running, (struct server_options){.tcp_idle_ms = 60000, .tcp_per_client = 1000});
    enum { READERS = 400, QUERIES = 60 };
    uint8_t all[QUERIES * QUERY_ROOM];
    int readers[READERS];
    size_t size = 0;
    for (uint16_t id = 0; id < QUERIES; id++)
        size += tcp_large_query(all + size, id);
    for (int i = 0; i < READERS; i++) {
        readers[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
        send_all(readers[i], all, size);
    }
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (!running_numbers(running).tcp_displaced && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 5);
    assert_in_range(running_numbers(running).tcp_displaced, 1, READERS - 100);
    int other = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.2");
    ask(other, 1);
    close(other);
    unsigned gone = 0;
    for (int i = 0; i < READERS; i++)
        gone += is_closed(readers[i]);
    assert_in_range(gone, 1, running_numbers(running).tcp_displaced);
    for (int i = 0; i < READERS; i++)
        close(readers[i]);
}

static void reset(int socket)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(socket);
}

/* RST before, within and behind queries, and while answers wait. */
static void resets(void **state)
{
    struct running *running = *state;
    uint8_t all[64 * QUERY_ROOM];
    size_t size = 0;
    for (uint16_t id = 0; id < 64; id++)
        size += tcp_large_query(all + size, id);
    for (unsigned i = 0; i < 60; i++) {
        int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
        if (i % 3)
            send_all(client, all, i % 3 == 1 ? i : size);
        if (i % 2)
            poll(NULL, 0, 2);
        reset(client);
    }
    int other = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    ask(other, 1);
    close(other);
    running_wait_for_connections(running, 0);
}

/* Good queries, then rubbish without end: the answers come, whole, and then the end; also where
 * they are more than the kernel takes at once. */
static void garbage_after_queries(void **state)
{
    struct running *running = *state;
    enum { QUERIES = 20, GARBAGE = 60000 };
    uint8_t *all = memory_alloc(QUERIES * QUERY_ROOM + GARBAGE);
    size_t size = 0;
    for (uint16_t id = 0; id < QUERIES; id++)
        size += tcp_large_query(all + size, id);
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    send_all(client, all, size + GARBAGE);
    for (uint16_t id = 0; id < QUERIES; id++)
        receive_answer(client, id);
    uint8_t byte;
    struct pollfd poll_of = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&poll_of, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(client, &byte, 1, 0), 0); /* the end, no reset */
    send_all(client, all, 100);                     /* still rubbish: nobody minds */
    running_wait_for_connections(running, 0);
    close(client);
    free(all);
}

/* A client with too many connections: its own longest idle one goes, and nobody else's. */
static void too_many_of_one_client(void **state)
{
    struct running *running = *state;
    running_restart(running, (struct server_options){.tcp_idle_ms = 30000, .tcp_per_client = 8});
    int clients[10], other = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.2");
    ask(other, 1);
    for (int i = 0; i < 8; i++) {
        clients[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.3");
        ask(clients[i], 1);
    }
    ask(clients[0], 2); /* now the second is the longest idle */
    clients[8] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.3");
    ask(clients[8], 1);
    wait_until_closed(clients[1]);
    running_wait_for_connections(running, 9);
    assert_int_equal(running_numbers(running).tcp_displaced, 1);
    /* All at work: a query begun each. The new one has to go. */
    for (int i = 0; i < 9; i++)
        if (i != 1)
            send_all(clients[i], (const uint8_t *)"", 1);
    poll(NULL, 0, 50);
    clients[9] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.3");
    wait_until_closed(clients[9]);
    assert_int_equal(running_numbers(running).tcp_refused, 1);
    ask(other, 2);
    for (int i = 0; i < 10; i++)
        close(clients[i]);
    close(other);
}

/* The same with IPv6: on loopback there is one address only, so one client. */
static void too_many_by_ipv6(void **state)
{
    struct running *running = *state;
    running_restart(running, (struct server_options){.tcp_idle_ms = 30000, .tcp_per_client = 2});
    int clients[3], other = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    ask(other, 1);
    for (int i = 0; i < 3; i++) {
        clients[i] = running_connect(running, SOCK_STREAM, "::1", NULL);
        ask(clients[i], 1);
    }
    wait_until_closed(clients[0]);
    running_wait_for_connections(running, 3);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    close(other);
}

/* A flood of bare connections from many clients: never more than allowed, and who is at work stays,
 * and is answered. */
static void flood_of_connections(void **state)
{
    struct running *running = *state;
    running_restart(running, (struct server_options){.tcp_idle_ms = 30000, .tcp_connections = 50});
    enum { FLOOD = 400 };
    int flood[FLOOD], worker = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.2");
    ask(worker, 0);
    for (int i = 0; i < FLOOD; i++) {
        char from[ADDRESS_TEXT_SIZE];
        snprintf(from, sizeof from, "127.1.0.%d", 1 + i % 250);
        flood[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", from);
        if (i % 10 == 0)
            ask(worker, (uint16_t)i);
        assert_true(running_numbers(running).tcp_connections <= 50);
    }
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (running_numbers(running).tcp_accepted < FLOOD + 1 && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 5);
    ask(worker, 1);
    int newest = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.4");
    ask(newest, 2);
    assert_int_equal(running_numbers(running).tcp_connections, 50);
    assert_int_equal(running_numbers(running).tcp_displaced, FLOOD + 2 - 50);
    for (int i = 0; i < FLOOD; i++)
        close(flood[i]);
    close(worker);
    close(newest);
}

/* A table that is nearly full waits less: 3 s at rest become less than half a second. */
static void idle_is_shorter_when_full(void **state)
{
    struct running *running = *state;
    running_restart(running, (struct server_options){.tcp_idle_ms = 3000, .tcp_connections = 20});
    int clients[20];
    for (int i = 0; i < 20; i++) {
        clients[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
        ask(clients[i], 1);
    }
    int64_t start_ms = clock_now_ms();
    wait_until_closed(clients[0]);
    assert_true(clock_now_ms() - start_ms < 1500);
    assert_false(is_closed(clients[19])); /* with room again, the time is longer again */
    for (int i = 0; i < 20; i++)
        close(clients[i]);
}

struct greedy {
    const struct running *running;
    _Atomic bool end;
};

/* Asks without end, as much as a connection takes, and throws the answers away. */
static void *ask_greedily(void *context)
{
    struct greedy *greedy = context;
    uint8_t all[100 * QUERY_ROOM];
    static const size_t room = 1 << 16;
    uint8_t *waste = memory_alloc(room);
    size_t size = 0, at = 0;
    for (uint16_t id = 0; id < 100; id++)
        size += tcp_query(all + size, id);
    int client = running_connect(greedy->running, SOCK_STREAM, "127.0.0.1", NULL);
    while (!atomic_load(&greedy->end)) {
        ssize_t sent = send(client, all + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        at = sent > 0 ? (at + (size_t)sent) % size : at;
        recv(client, waste, room, MSG_DONTWAIT);
    }
    close(client);
    free(waste);
    return NULL;
}

/* Beside one that asks as fast as it can, others are answered, without waiting for it. */
static void greed_starves_nobody(void **state)
{
    struct running *running = *state;
    struct greedy greedy = {.running = running};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_greedily, &greedy), 0);
    int other = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.2");
    int64_t start_ms = clock_now_ms();
    for (uint16_t id = 0; id < 100; id++)
        ask(other, id);
    assert_true(clock_now_ms() - start_ms < PATIENCE_MS / 2);
    atomic_store(&greedy.end, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    close(other);
}

static int64_t cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Without descriptors a connection cannot be accepted: the server waits, and does not spin; with
 * descriptors it goes on. */
static void no_descriptors(void **state)
{
    struct running *running = *state;
    struct rlimit before, low;
    enum { MOST = 200 };
    int filling[MOST], count = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){.rlim_cur = MOST, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    while (count < MOST && (filling[count] = dup(client)) >= 0)
        count++;
    assert_in_range(count, 1, MOST - 1);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(running->port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
    int64_t used_ms = cpu_ms();
    poll(NULL, 0, 400);
    used_ms = cpu_ms() - used_ms;
    assert_int_equal(running_numbers(running).tcp_connections, 0);
    for (int i = 0; i < count; i++)
        close(filling[i]);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(used_ms < 100);
    ask(client, 1);
    close(client);
}

/* A limit of descriptors below what is asked for bounds the connections. In a process of its own,
 * as not everyone may raise a limit again. */
static void few_descriptors(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit low = {.rlim_cur = 160, .rlim_max = 160};
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO); /* its case is this one: counted once */
        closefrom(3);
        setrlimit(RLIMIT_NOFILE, &low);
        execl("/proc/self/exe", "test_tcp", "with-few-descriptors", NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void with_few_descriptors(void **state)
{
    struct running *running = *state;
    int clients[60];
    for (int i = 0; i < 60; i++) { /* of several clients, so that it is the limit in all */
        clients[i] =
            running_connect(running, SOCK_STREAM, "127.0.0.1", i % 2 ? "127.0.0.2" : "127.0.0.3");
        ask(clients[i], 1);
    }
    assert_int_equal(running_numbers(running).tcp_connections, 60);
    struct error error;
    assert_false(server_configure(running->server,
                                  &(struct server_options){.tcp_connections = 5000}, &error));
    assert_string_equal(error.text, "tcp-connections: 80 instead of 5000, as this process may have "
                                    "only 160 files open");
    assert_true(server_configure(running->server, &(struct server_options){.tcp_connections = 80},
                                 &error)); /* as many as there can be */
    for (int i = 0; i < 30; i++) {
        int more = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
        ask(more, 1);
        assert_true(running_numbers(running).tcp_connections <= 80);
        close(clients[i]);
        clients[i] = more;
    }
    for (int i = 0; i < 60; i++)
        close(clients[i]);
}

static void change_limits(const struct running *running, struct server_options options)
{
    struct error error;
    assert_true(server_configure(running->server, &options, &error));
}

/* Lower limits close nobody; then each that comes displaces two that rest longest. Higher ones hold
 * for the next that comes. */
static void limits_change(void **state)
{
    struct running *running = *state;
    enum { CLIENTS = 12 };
    int clients[CLIENTS], more[9];
    running_restart(running, (struct server_options){.tcp_idle_ms = 30000, .tcp_connections = 40});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.3");
        ask(clients[i], 1);
    }
    change_limits(running, (struct server_options){.tcp_idle_ms = 30000, .tcp_connections = 8});
    for (int i = CLIENTS - 1; i >= 0; i--) /* the last ones rest longest */
        ask(clients[i], 2);
    assert_int_equal(running_numbers(running).tcp_connections, CLIENTS);
    for (int i = 0; i < 5; i++) {
        more[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.4");
        ask(more[i], 3);
        assert_int_equal(running_numbers(running).tcp_connections, i < 4 ? CLIENTS - 1 - i : 8);
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(is_closed(clients[i]), i > 2);
    for (int i = 0; i < 3; i++)
        ask(clients[i], 4);
    /* Of one client alone: there are five of it. */
    change_limits(running, (struct server_options){
                               .tcp_idle_ms = 30000, .tcp_connections = 40, .tcp_per_client = 4});
    more[5] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.4");
    ask(more[5], 5);
    for (int i = 0; i < 6; i++)
        assert_int_equal(is_closed(more[i]), i < 2);
    assert_int_equal(running_numbers(running).tcp_connections, 7);
    change_limits(running, (struct server_options){.tcp_idle_ms = 30000});
    for (int i = 6; i < 9; i++) {
        more[i] = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.4");
        ask(more[i], 6);
    }
    assert_int_equal(running_numbers(running).tcp_connections, 10);
    assert_int_equal(running_numbers(running).tcp_refused, 0);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    for (int i = 0; i < 9; i++)
        close(more[i]);
}

/* A shorter time counts from the next query, a longer one for all. */
static void idle_changes(void **state)
{
    struct running *running = *state;
    running_restart(running, (struct server_options){.tcp_idle_ms = 30000});
    int resting = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    int working = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    ask(resting, 1);
    ask(working, 1);
    change_limits(running, (struct server_options){.tcp_idle_ms = 200});
    ask(working, 2);
    int64_t start_ms = clock_now_ms();
    wait_until_closed(working);
    assert_in_range(clock_now_ms() - start_ms, 150, PATIENCE_MS / 2);
    assert_false(is_closed(resting));
    ask(resting, 2); /* ... now it counts */
    change_limits(running, (struct server_options){.tcp_idle_ms = 30000});
    poll(NULL, 0, 600);
    ask(resting, 3);
    assert_int_equal(running_numbers(running).tcp_expired, 1);
    close(resting);
    close(working);
}

/* One that takes no answers, too; and the kernel is told. */
static void idle_changes_for_who_is_slow(void **state)
{
    struct running *running = *state;
    enum { QUERIES = 60 };
    uint8_t all[QUERIES * QUERY_ROOM];
    size_t size = 0;
    running_restart(running, (struct server_options){.tcp_idle_ms = 30000});
    int slow = running_connect(running, SOCK_STREAM, "127.0.0.1", NULL);
    ask(slow, 1);
    change_limits(running, (struct server_options){.tcp_idle_ms = 200});
    for (uint16_t id = 0; id < QUERIES; id++)
        size += tcp_large_query(all + size, id);
    send_all(slow, all, size);
    running_wait_for_connections(running, 0);
    assert_int_equal(running_numbers(running).tcp_expired, 1);
    close(slow);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest alone[] = {
        cmocka_unit_test_setup_teardown(with_few_descriptors, running_set_up, running_tear_down)};
    if (argc > 1 && strcmp(argv[1], "with-few-descriptors") == 0)
        return cmocka_run_group_tests(alone, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pipelined, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(octet_by_octet, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(split_everywhere, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(lengths, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(half_closed, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(half_closed_and_slow, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_closed, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(query_then_nonsense, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(garbage_after_queries, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(idle, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(trickled_second_query, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(never_reads, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(slow_readers, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(memory_in_sum, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(resets, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(too_many_of_one_client, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(too_many_by_ipv6, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(flood_of_connections, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(idle_is_shorter_when_full, running_set_up,
                                        running_tear_down),
        cmocka_unit_test_setup_teardown(greed_starves_nobody, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(limits_change, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(idle_changes, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(idle_changes_for_who_is_slow, running_set_up,
                                        running_tear_down),
        cmocka_unit_test_setup_teardown(no_descriptors, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(few_descriptors, running_set_up, running_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
