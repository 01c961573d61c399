/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP responders: a batch of queries in by recvmmsg, their answers out by sendmmsg. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/message.h"
#include "serve/rate.h"
#include "serve/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 32,       /* what they touch fits the first cache; 64 cost more, 16 spare fewer calls */
    QUERY_MAX = 4096, /* a longer datagram is no query that we could answer */
    CONTROL_SIZE = CMSG_SPACE(sizeof(struct in6_pktinfo)),
};

/* Everything of one datagram's way through: where it came from, to which of our addresses, what it
 * said and what we say. */
struct slot {
    struct sockaddr_storage peer;
    struct dns_client client; /* the same, pointing into it */
    uint8_t control[CONTROL_SIZE] __attribute__((aligned(8)));
    uint8_t query[QUERY_MAX];
    uint8_t answer[UDP_ANSWER_MAX];
    struct iovec query_room, answer_room;
    struct message message;
    bool heard; /* it is to be answered */
};

struct udp_worker {
    struct responder responder;
    struct publisher *publisher;
    struct rate *rate; /* made before the first settings that limit; NULL: none did yet */
    counter slipped, limited;
    int socket;
    bool wildcard; /* the address asked is passed on, so that the answer comes from it */
    bool started;
    _Atomic bool ending;
    pthread_t thread;
    struct mmsghdr headers[BATCH]; /* of the queries, and in the same places of their answers */
    struct slot slots[BATCH];
};

struct udp_worker *udp_worker_new(int socket, bool wildcard, struct publisher *publisher,
                                  const struct settings *settings)
{
    struct udp_worker *worker = memory_alloc(sizeof *worker);
    worker_responder_init(&worker->responder, settings);
    udp_worker_configure(worker, settings);
    worker->publisher = publisher;
    worker->socket = socket;
    int family = AF_INET;
    socklen_t size = sizeof family;
    getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
    worker->wildcard = wildcard;
    for (unsigned i = 0; i < BATCH; i++) {
        struct slot *slot = &worker->slots[i];
        slot->client.transport = TRANSPORT_UDP;
        worker_client_locate(&slot->client, family, &slot->peer);
        slot->query_room = (struct iovec){slot->query, sizeof slot->query};
        slot->answer_room = (struct iovec){slot->answer, 0};
        worker->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &slot->peer,
            .msg_iovlen = 1,
            .msg_control = wildcard ? slot->control : NULL,
        };
    }
    return worker;
}

/* The thread looks for the rate only where settings limit, so that it is there by then. */
void udp_worker_configure(struct udp_worker *worker, const struct settings *settings)
{
    if (settings->rate && !worker->rate)
        worker->rate = rate_new(worker_seed());
    atomic_store_explicit(&worker->responder.settings, settings, memory_order_release);
}

/* What recvmmsg and the answers wrote into the first `count` headers is set anew. */
static void prepare_batch(struct udp_worker *worker, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct msghdr *header = &worker->headers[i].msg_hdr;
        header->msg_namelen = sizeof worker->slots[i].peer;
        header->msg_iov = &worker->slots[i].query_room;
        header->msg_controllen = worker->wildcard ? CONTROL_SIZE : 0;
    }
}

/* On a wildcard socket the answer comes from the address that was asked, by whatever way the
 * routing table says: only a link-local address needs its interface. */
static void free_interface(struct msghdr *query)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(query); part; part = CMSG_NXTHDR(query, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            ((struct in_pktinfo *)CMSG_DATA(part))->ipi_ifindex = 0;
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(part);
            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                info->ipi6_ifindex = 0;
        }
    }
}

/* Whether an answer is one too many for its client. One that shows a good cookie is where it says
 * it is, so that no third party is hit (RFC 7873 section 5.2.5). */
static enum rate_verdict judge(const struct udp_worker *worker, const struct rate_rules *rules,
                               uint64_t network, const struct message *message)
{
    if (message->cookie == COOKIE_GOOD)
        return RATE_PASS;
    const struct rate_subject subject = {
        .rcode = message->rcode,
        .answers = message->answers,
        .authorities = message->authorities,
        .truncated = message->writer.full,
        .canary = message->canary,
        .message = message->writer.start,
        .question_end = message->query.question_end,
        .size = writer_offset(&message->writer),
        .covered = message->covered,
    };
    return rate_judge(worker->rate, rules, network, &subject);
}

/* Each batch goes through each stage as a whole, so that what one stage fetches from memory is
 * there when the next one needs it. */

static void parse_batch(struct udp_worker *worker, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct mmsghdr *query = &worker->headers[i];
        struct slot *slot = &worker->slots[i];
        /* What did not fit is judged as nothing at all: silence, but counted. */
        size_t size = query->msg_hdr.msg_flags & MSG_TRUNC ? 0 : query->msg_len;
        slot->heard = respond_parse(&worker->responder, &slot->message, &slot->client, slot->query,
                                    size, slot->answer);
    }
}

static void fetch_batch(const struct udp_worker *worker, const struct snapshot *snapshot,
                        unsigned count)
{
    if (!snapshot || !catalog_is_large(snapshot->catalog))
        return;
    for (unsigned i = 0; i < count; i++)
        if (worker->slots[i].heard)
            catalog_fetch_slot(snapshot->catalog, worker->slots[i].message.hash);
    for (unsigned i = 0; i < count; i++)
        if (worker->slots[i].heard)
            catalog_fetch_node(snapshot->catalog, worker->slots[i].message.hash);
}

/* The answer's size; 0: none is sent. Only a busy network's answers go through limits. */
static size_t build_limited(struct udp_worker *worker, const struct rate_rules *rules,
                            struct slot *slot)
{
    const struct dns_client *client = &slot->client;
    uint64_t network = rate_network_of(worker->rate, rules, client->address, client->address_size);
    if (!rate_count(worker->rate, rules, network) ||
        rate_is_exempt(rules, client->address, client->address_size))
        return respond_build(&worker->responder, &slot->message);
    switch (judge(worker, rules, network, &slot->message)) {
    case RATE_PASS:
        return respond_build(&worker->responder, &slot->message);
    case RATE_SLIP:
        counter_add(&worker->slipped, 1);
        return respond_slip(&worker->responder, &slot->message);
    default:
        counter_add(&worker->limited, 1);
        return 0;
    }
}

static void build_batch(struct udp_worker *worker, const struct snapshot *snapshot,
                        const struct rate_rules *rules, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct slot *slot = &worker->slots[i];
        struct msghdr *header = &worker->headers[i].msg_hdr;
        if (!slot->heard)
            continue;
        respond_find(&slot->message, snapshot);
        size_t size = rules ? build_limited(worker, rules, slot)
                            : respond_build(&worker->responder, &slot->message);
        slot->heard = size;
        slot->answer_room.iov_len = size;
        header->msg_iov = &slot->answer_room;
        if (worker->wildcard)
            free_interface(header);
    }
}

/* One batch is limited by the same rules, whichever settings come meanwhile. */
static void answer_batch(struct udp_worker *worker, unsigned count)
{
    worker->responder.now_s = clock_unix_s();
    reader_online();
    const struct rate_rules *rules =
        atomic_load_explicit(&worker->responder.settings, memory_order_acquire)->rate;
    if (rules)
        rate_set_time(worker->rate, clock_coarse_ms());
    const struct snapshot *snapshot = publisher_current(worker->publisher);
    parse_batch(worker, count);
    fetch_batch(worker, snapshot, count);
    build_batch(worker, snapshot, rules, count);
    reader_offline();
}

/* How many from `first` on are to be sent together. */
static unsigned run_length(const struct udp_worker *worker, unsigned first, unsigned count)
{
    unsigned at = first;
    while (at < count && worker->slots[at].heard)
        at++;
    return at - first;
}

/* An answer that cannot be sent (no route back) is left: the client will ask again. So are the rest
 * of the batch where there is no room: to wait for it would be to wait for neighbours of this link
 * that do not exist, seconds for each, as whoever forges their addresses pleases. */
static void send_batch(struct udp_worker *worker, unsigned count)
{
    for (unsigned at = 0; at < count;) {
        unsigned length = run_length(worker, at, count);
        if (!length) {
            at++;
            continue;
        }
        int done = sendmmsg(worker->socket, worker->headers + at, length, MSG_DONTWAIT);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN)
            return;
        at += done > 0 ? (unsigned)done : 1;
    }
}

static void *run(void *context)
{
    struct udp_worker *worker = context;
    reader_register();
    prepare_batch(worker, BATCH);
    while (!atomic_load_explicit(&worker->ending, memory_order_relaxed)) {
        int got = recvmmsg(worker->socket, worker->headers, BATCH, MSG_WAITFORONE, NULL);
        if (got <= 0)
            continue;
        answer_batch(worker, (unsigned)got);
        send_batch(worker, (unsigned)got);
        prepare_batch(worker, (unsigned)got);
    }
    reader_unregister();
    return NULL;
}

bool udp_worker_start(struct udp_worker *worker, struct error *error)
{
    worker->started = worker_thread_start(&worker->thread, run, worker, "evermxd udp", error);
    return worker->started;
}

void udp_worker_free(struct udp_worker *worker)
{
    if (!worker)
        return;
    atomic_store(&worker->ending, true);
    /* Wakes the thread out of recvmmsg: Linux does so even where it says that nothing is connected.
     */
    shutdown(worker->socket, SHUT_RD);
    if (worker->started)
        pthread_join(worker->thread, NULL);
    close(worker->socket);
    rate_free(worker->rate);
    free(worker);
}

struct responder *udp_worker_responder(struct udp_worker *worker)
{
    return &worker->responder;
}

void udp_worker_limited(const struct udp_worker *worker, uint64_t *slipped, uint64_t *dropped)
{
    *slipped = counter_read(&worker->slipped);
    *dropped = counter_read(&worker->limited);
}
