/* SPDX-License-Identifier: BSD-2-Clause */
/* What one responder thread costs another: CPU time an answer of a UDP responder alone, beside a
 * second one that is just as busy, and beside TCP connections of all bad kinds. The two responders
 * answer on an address each, and share all the rest: process, snapshot, memory.
 *
 *     make build/tests/bench/sharing && build/tests/bench/sharing [ROUNDS]
 *
 * Each responder shares a CPU with its own client, so that no measurement differs from another in
 * where packets come from; slices alternate, as other work on the machine then hits all alike.
 * Needs two CPUs; on two threads of one core (lscpu: "Thread(s) per core: 2") they share a core's
 * units, too, whatever a program does. About a second a round. */
#include "base/memory.h"
#include "support/place.h"
#include "support/running.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUERY_ROOM = 128, SLICE_MS = 300, WINDOW = 64, SOCKETS = 4, ROUNDS = 10, ROUNDS_MAX = 200 };
enum { ALONE, BOTH, BESIDE_TCP, SITUATIONS };

static const char *const situation_names[] = {"one responder", "two responders, each",
                                              "one, beside TCP abuse"};
static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", NULL};

struct client {
    const struct running *running;
    unsigned number; /* of its address and CPU */
    pthread_t thread;
    _Atomic bool on, end;
    _Atomic uint64_t answers;
};

static void pin(pid_t thread, unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(thread, sizeof set, &set);
}

/* Keeps a window of queries on their way. */
static void exchange(struct client *client, int socket, struct mmsghdr *messages,
                     struct iovec *rooms, size_t query_size)
{
    for (unsigned i = 0; i < WINDOW; i++)
        rooms[i].iov_len = query_size;
    int due = sendmmsg(socket, messages, WINDOW, 0);
    for (unsigned i = 0; i < WINDOW; i++)
        rooms[i].iov_len = 1;
    while (due > 0) {
        struct pollfd poll_of = {.fd = socket, .events = POLLIN};
        if (poll(&poll_of, 1, 100) != 1)
            return; /* lost: others follow */
        int got = recvmmsg(socket, messages, (unsigned)due, MSG_DONTWAIT, NULL);
        due -= got > 0 ? got : 0;
        atomic_fetch_add(&client->answers, got > 0 ? (unsigned)got : 0);
    }
}

static void *drive(void *context)
{
    struct client *client = context;
    uint8_t queries[WINDOW][QUERY_ROOM];
    struct mmsghdr messages[WINDOW] = {0};
    struct iovec rooms[WINDOW];
    int sockets[SOCKETS];
    size_t size = 0;
    pin(0, client->number);
    for (unsigned i = 0; i < WINDOW; i++) {
        size = make_query(queries[i], "example.test", RRTYPE_MX, 1232);
        rooms[i].iov_base = queries[i];
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1};
    }
    for (unsigned i = 0; i < SOCKETS; i++)
        sockets[i] = running_connect(client->running, SOCK_DGRAM, addresses[client->number], NULL);
    for (unsigned i = 0; !atomic_load(&client->end); i = (i + 1) % SOCKETS) {
        /* The first octet of an answer is that of its query: what is received changes nothing. */
        if (atomic_load(&client->on))
            exchange(client, sockets[i], messages, rooms, size);
        else
            poll(NULL, 0, 1);
    }
    for (unsigned i = 0; i < SOCKETS; i++)
        close(sockets[i]);
    return NULL;
}

/* ---- abuse by TCP: some thousand connections and queries a second ---- */

static void abuse_once(const struct running *running, unsigned turn, int *held, unsigned nheld)
{
    uint8_t queries[20 * QUERY_ROOM], waste[4096];
    char from[ADDRESS_TEXT_SIZE];
    snprintf(from, sizeof from, "127.3.%u.%u", turn / 250 % 250, 1 + turn % 250);
    int *slot = &held[turn % nheld];
    if (*slot >= 0)
        close(*slot);
    *slot = running_connect(running, SOCK_STREAM, addresses[0], from);
    size_t size = 0;
    for (uint16_t id = 0; id < 20; id++)
        size += turn % 2 ? tcp_large_query(queries + size, id) : tcp_query(queries + size, id);
    switch (turn % 4) {
    case 0: /* asks and reads */
        send(*slot, queries, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (recv(*slot, waste, sizeof waste, MSG_DONTWAIT) > 0)
            ;
        break;
    case 1: /* asks much, never reads */
        send(*slot, queries, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 2: /* begins, never goes on */
        send(*slot, queries, 5, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    default: /* nonsense behind a query */
        memset(queries + 60, 0, 400);
        send(*slot, queries, 460, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void *abuse(void *context)
{
    struct client *client = context;
    enum { HELD = 400 };
    int held[HELD];
    unsigned turn = 0;
    memset(held, 0xFF, sizeof held);
    while (!atomic_load(&client->end)) {
        if (atomic_load(&client->on)) {
            for (unsigned i = 0; i < 8; i++)
                abuse_once(client->running, turn++, held, HELD);
            atomic_fetch_add(&client->answers, 8);
        }
        poll(NULL, 0, 1);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] >= 0)
            close(held[i]);
    return NULL;
}

/* ---- measuring ---- */

/* The UDP responders' threads, in the order of their addresses. */
static unsigned find_responders(pid_t threads[2])
{
    unsigned found = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[64], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof name, file) && strcmp(name, "evermxd udp\n") == 0 && found < 2)
            threads[found++] = atoi(entry->d_name);
        fclose(file);
    }
    closedir(folder);
    return found;
}

static uint64_t cpu_ns(pid_t thread)
{
    char path[64];
    unsigned long long used = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", thread);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu", &used), 1);
    fclose(file);
    return used;
}

/* The first responder's CPU time an answer, in a slice. */
static double measure(int situation, struct client clients[3], const pid_t threads[2])
{
    atomic_store(&clients[0].on, true);
    atomic_store(&clients[1].on, situation == BOTH);
    atomic_store(&clients[2].on, situation == BESIDE_TCP);
    poll(NULL, 0, 30);
    uint64_t answers = atomic_load(&clients[0].answers), used = cpu_ns(threads[0]);
    poll(NULL, 0, SLICE_MS);
    used = cpu_ns(threads[0]) - used;
    answers = atomic_load(&clients[0].answers) - answers;
    return answers ? (double)used / (double)answers : 0;
}

static int compare(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return difference < 0 ? -1 : difference > 0;
}

static void report(double figures[SITUATIONS][ROUNDS_MAX], unsigned rounds)
{
    printf("%-24s %10s %10s %12s\n", "", "median ns", "low ns", "of one alone");
    for (int i = 0; i < SITUATIONS; i++)
        qsort(figures[i], rounds, sizeof figures[i][0], compare);
    for (int i = 0; i < SITUATIONS; i++)
        printf("%-24s %10.0f %10.0f %11.2fx\n", situation_names[i], figures[i][rounds / 2],
               figures[i][rounds / 4], figures[i][rounds / 4] / figures[ALONE][rounds / 4]);
    printf("two on two CPUs answer %.2f times what one does (by median %.2f)\n",
           2 * figures[ALONE][rounds / 4] / figures[BOTH][rounds / 4],
           2 * figures[ALONE][rounds / 2] / figures[BOTH][rounds / 2]);
}

int main(int argc, char **argv)
{
    static double figures[SITUATIONS][ROUNDS_MAX];
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : ROUNDS;
    void *state;
    struct error error;
    pid_t threads[2];
    if (rounds < 1 || rounds > ROUNDS_MAX)
        return 2;
    running_set_up(&state);
    struct running *running = state;
    server_free(running->server);
    running->port = free_port();
    struct server_options options = {.workers = 1, .tcp_idle_ms = 2000};
    if (!running_start(running, addresses, options, &error) || find_responders(threads) != 2) {
        fprintf(stderr, "no server: %s\n", error.text);
        return 1;
    }
    struct client clients[3] = {{.running = running, .number = 0},
                                {.running = running, .number = 1},
                                {.running = running, .number = 0}};
    for (unsigned i = 0; i < 2; i++)
        pin(threads[i], i);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&clients[i].thread, NULL, i < 2 ? drive : abuse, &clients[i]);
    for (unsigned round = 0; round < rounds; round++)
        for (int i = 0; i < SITUATIONS; i++)
            figures[i][round] = measure(i, clients, threads);
    for (unsigned i = 0; i < 3; i++)
        atomic_store(&clients[i].end, true);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(clients[i].thread, NULL);
    report(figures, rounds);
    struct server_numbers numbers = running_numbers(running);
    printf("TCP meanwhile: %llu connections, %llu queries, %llu displaced, %llu expired\n",
           (unsigned long long)numbers.tcp_accepted, (unsigned long long)numbers.tcp.queries,
           (unsigned long long)numbers.tcp_displaced, (unsigned long long)numbers.tcp_expired);
    return running_tear_down(&state);
}
