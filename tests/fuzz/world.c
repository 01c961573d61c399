/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/world.h"

#include "base/memory.h"
#include "fuzz/fuzz.h"
#include "fuzz/scratch.h"
#include "serve/canary.h"
#include "serve/message.h"

#include <string.h>

#define HEAD "@ SOA ns1 hostmaster 7 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.53\n"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const char example_zone[] =
    "$ORIGIN example.test.\n$TTL 300\n" HEAD "@ NS ns2.outside.test.\n"
    "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 20 mx3\n"
    "@ TXT \"v=spf1 mx -all\"\n"
    "mx1 A 192.0.2.1\nmx1 AAAA 2001:db8::1\n"
    "mx2 A 192.0.2.2\nmx3 A 192.0.2.3\nmx3 A 192.0.2.4\n"
    "imap A 192.0.2.1\nimap A 192.0.2.2\n"
    "_imap._tcp SRV 0 3 143 mx1\n_imap._tcp SRV 0 1 143 mx2\n"
    "_imaps._tcp SRV 0 1 993 imap\n"
    "null MX 0 .\n"
    "wall MX 10 mx1\nwall MX 10 mx2\n"
    "single MX 10 mx2\nsingle MX 20 mx3\n"
    "www CNAME web\nweb A 192.0.2.80\ntwo CNAME www\n"
    "out CNAME www.outside.test.\ndead CNAME nothing\n"
    "loop1 CNAME loop2\nloop2 CNAME loop1\nself CNAME self\n"
    "c1 CNAME c2\nc2 CNAME c3\nc3 CNAME c4\nc4 CNAME c5\nc5 CNAME c6\nc6 CNAME c7\nc7 CNAME c8\n"
    "c8 CNAME c9\nc9 CNAME c10\nc10 CNAME c11\nc11 CNAME c12\nc12 CNAME mx1\n"
    "tosub CNAME host.sub\ntocut CNAME host.child\ntowild CNAME x.wild\nthere CNAME a.other.test.\n"
    "tobad CNAME a.bad.test.\n"
    "*.wild TXT \"wild\"\n*.wild MX 5 mx1\nhost.wild A 192.0.2.9\n"
    "*.cwild CNAME web\n*.lwild CNAME a.b.lwild\nsub.*.wild A 192.0.2.12\n"
    "a.b.ent A 192.0.2.10\n"
    "old DNAME new\nold TXT \"beside\"\nx.new A 192.0.2.11\n"
    "deep DNAME x.deep2\ndeep2 DNAME deep3\ndl1 DNAME dl2\ndl2 DNAME dl1\ninner DNAME a.inner2\n"
    "long DNAME " LABEL_63 "." LABEL_63 "." LABEL_63 ".test.\n"
    "child NS ns.child\nchild NS ns1\nchild NS ns.other.outside.test.\n"
    "child DS 1 8 2 0101010101010101010101010101010101010101010101010101010101010101\n"
    "ns.child A 192.0.2.54\nns.child AAAA 2001:db8::54\n"
    "bare NS ns.outside.test.\n"
    "sub NS ns.sub\nns.sub A 192.0.2.55\nonly.sub A 192.0.2.56\n"
    "odd TYPE65280 \\# 3 010203\n"
    "\\000\\255\\.\\\"x A 192.0.2.13\n"
    "UPPER A 192.0.2.77\n" LABEL_63 "." LABEL_63 "." LABEL_63 " A 192.0.2.14\n";

static const char sub_zone[] = "$ORIGIN sub.example.test.\n$TTL 300\n" HEAD
                               "ns A 192.0.2.55\nhost A 192.0.2.57\n@ MX 1 host\n";

/* Ours, below a delegation and below a DNAME of the zone above. */
static const char below_child_zone[] = "$ORIGIN below.child.example.test.\n$TTL 300\n" HEAD;
static const char below_old_zone[] = "$ORIGIN below.old.example.test.\n$TTL 300\n" HEAD;

static const char other_zone[] =
    "$ORIGIN other.test.\n$TTL 300\n" HEAD "a CNAME two.example.test.\n@ MX 5 mx1.example.test.\n"
    "* A 192.0.2.99\n";

static const char moved_zone[] = "$ORIGIN moved.test.\n$TTL 300\n"
                                 "@ SOA ns.other.test. h.other.test. 1 2 3 4 5\n"
                                 "@ NS ns.other.test.\n@ DNAME example.test.\n";

/* Answers that outgrow UDP without EDNS at each of their parts: chains, synthesized names,
 * referrals, SOA. */
#define FAT LABEL_63 "." LABEL_63
static const char fat_zone[] =
    "$ORIGIN fat.test.\n$TTL 300\n"
    "@ SOA " FAT "." LABEL_63 ".fat.test. " FAT ".h 1 2 3 4 5\n@ NS ns.other.test.\n"
    "a CNAME " FAT ".b\n" FAT ".b CNAME " FAT ".c\n" FAT ".c CNAME " FAT ".d\n" FAT ".d CNAME " FAT
    ".e\n" FAT ".e MX 10 mx1.example.test.\n"
    "dead CNAME " FAT ".dead2\n" FAT ".dead2 CNAME nothing\n"
    "dn DNAME " FAT ".dn2\n" FAT ".dn2 DNAME dn3\nx.dn3 CNAME x.cut\n"
    "cut NS " FAT ".n1.cut\ncut NS " FAT ".n2.cut\n" FAT ".n1.cut A 192.0.2.1\n" FAT
    ".n2.cut A 192.0.2.2\n*.w CNAME a.cut\n";

static const char template_zone[] =
    "$TTL 300\n@ SOA ns1.example.test. h 1 2 3 4 60\n@ NS ns1.example.test.\n@ MX 10 mail\n"
    "@ MX 20 mx1.example.test.\nmail A 192.0.2.90\nmail AAAA 2001:db8::90\nwww CNAME @\n"
    "out CNAME www.example.test.\nloop CNAME loop\nold DNAME new\nx.new TXT x\n"
    "away DNAME example.test.\ncut NS ns.cut\nns.cut A 192.0.2.91\n*.w MX 5 mail\na.b.ent TXT e\n"
    "_imaps._tcp SRV 0 1 993 mail\n" LABEL_63 " A 192.0.2.92\n";

static const char template_names[] = "shop1.test\nshop2.test. # and a comment\n\nSHOP3.Test\n"
                                     "deep.below.sub.example.test\nx.w.shop1.test\n";

static const char bad_zone[] = "$ORIGIN bad.test.\n$TTL 300\n" HEAD "broken A 192.0.2.300\n";

static const char configuration[] =
    "hosts:\n"
    "  mx1.example.test: {weight: 3}\n"
    "  mx2.example.test: {weight: 5}\n"
    "  host.sub.example.test: {weight: 0}\n"
    "policies:\n"
    "  - {match: wall.example.test MX, tiers: [[mx1.example.test], [mx2.example.test]],"
    " when-all-down: servfail, ttl: 5s}\n"
    "  - {match: single.example.test MX, mx-weighting: single, on-down: demote}\n"
    "  - {match: example.test MX, mx-weighting: prefer, on-down: demote}\n"
    "  - {match: sub.example.test MX, when-all-down: servfail}\n"
    "  - {match: '*', ttl: 10s}\n"
    "zones: [example.zone, sub.zone, below1.zone, below2.zone, other.zone, moved.zone, fat.zone, "
    "bad.zone]\n";

/* Answers that UDP without EDNS, UDP, and TCP cannot hold. */
static void write_big_zone(void)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "$ORIGIN big.test.\n$TTL 300\n" HEAD);
    for (unsigned i = 0; i < 40; i++)
        fprintf(out, "many A 192.0.2.%u\n", i);
    for (unsigned i = 0; i < 4093;
         i++) /* the most that a message holds, without a CNAME before it */
        fprintf(out, "huge A 10.0.%u.%u\n", i >> 8, i & 255);
    fprintf(out, "tohuge CNAME huge\ntomany CNAME many\nd DNAME many\n");
    fclose(out);
    scratch_write("big.zone", text, size);
    free(text);
}

struct config *world_config(bool large)
{
    char path[SCRATCH_PATH_SIZE];
    scratch_write_text("example.zone", example_zone);
    scratch_write_text("sub.zone", sub_zone);
    scratch_write_text("below1.zone", below_child_zone);
    scratch_write_text("below2.zone", below_old_zone);
    scratch_write_text("other.zone", other_zone);
    scratch_write_text("moved.zone", moved_zone);
    scratch_write_text("fat.zone", fat_zone);
    scratch_write_text("template.zone", template_zone);
    scratch_write_text("names.txt", template_names);
    scratch_write_text("bad.zone", bad_zone);
    scratch_write_text("world.yaml", configuration);
    scratch_path("world.yaml", path);
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    struct config *config = config_load(path, &diagnostics);
    if (!config)
        diagnostics_print(&diagnostics, stderr);
    FUZZ_CHECK(config);
    diagnostics_free(&diagnostics);
    if (large) {
        write_big_zone();
        scratch_path("big.zone", path);
        config_add_zone(config, path);
    }
    return config;
}

/* Only the zone that is meant to be bad may be. */
struct model *world_model(const struct config *config)
{
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    struct model *model = model_build(config, NULL, false, &diagnostics);
    if (!model || diagnostics.errors != 1)
        diagnostics_print(&diagnostics, stderr);
    FUZZ_CHECK(model && diagnostics.errors == 1);
    diagnostics_free(&diagnostics);
    return model;
}

static struct image *pool_image(const struct pool *pool, const struct service_state *services)
{
    struct selection selection = {.members =
                                      memory_array(pool->nmembers, sizeof *selection.members)};
    pool_select(pool, services, &selection);
    FUZZ_CHECK(selection.nserved > 0 || selection.servfail); /* never emptied by health */
    FUZZ_CHECK(!selection.servfail || pool->policy.when_all_down == ALL_DOWN_SERVFAIL);
    struct image *image = image_of_pool(pool, &selection);
    free(selection.members);
    return image;
}

struct publisher *world_publish(const struct model *model, unsigned salt)
{
    static const enum vote votes[] = {VOTE_DOWN, VOTE_UP, VOTE_DRAINED, VOTE_ABSTAIN};
    struct service_state *services = memory_array(model->nservices, sizeof *services);
    for (size_t i = 0; i < model->nservices; i++)
        services[i] = (struct service_state){
            salt ? votes[(i * 2654435761u + salt) >> 3 & 3] : VOTE_UP, UINT32_MAX, 100};
    struct image **images = memory_array(model->npools, sizeof *images);
    for (size_t i = 0; i < model->npools; i++)
        images[i] = pool_image(&model->pools[i], services);
    struct publisher *publisher = publisher_new();
    publisher_replace(publisher, catalog_new(model), images, model->npools);
    free(images);
    free(services);
    return publisher;
}

struct publisher *world_publisher(void)
{
    static struct publisher *publisher;
    if (!publisher) {
        struct config *config = world_config(true);
        struct model *model = world_model(config);
        publisher = world_publish(model, 5);
        model_free(model);
        config_free(config);
    }
    return publisher;
}

const struct snapshot *world_snapshot(void)
{
    return publisher_current(world_publisher());
}

static int64_t canary_clock(void)
{
    return INT64_C(1700000000123);
}

static struct canary_state *world_canaries(void)
{
    static struct canary_state state = {.now_ms = canary_clock};
    return &state;
}

const struct settings *world_settings(void)
{
    static const uint8_t secret[1][SIPHASH_KEY_SIZE] = {{1, 2, 3, 4, 5, 6, 7, 8}};
    static struct settings settings;
    if (!settings.udp_size) {
        const struct settings_options options = {.identity = "here",
                                                 .tells_version = true,
                                                 .cookies = true,
                                                 .secrets = secret,
                                                 .nsecrets = 1};
        settings_init(&settings, &options);
        settings.canary = world_canaries();
    }
    return &settings;
}

static void start(struct responder *responder, struct dns_client *client, enum transport transport,
                  uint64_t seed)
{
    static const uint8_t address[] = {198, 51, 100, 100};
    *client = (struct dns_client){.transport = transport,
                                  .tcp_idle_ms = 10000,
                                  .address_size = sizeof address,
                                  .address = address};
    responder_init(responder, world_settings(), seed);
    world_settings()->canary->answers = 0;
    responder->now_s = 1700000000; /* by which stored cookies are good */
}

size_t world_respond(const struct snapshot *snapshot, enum transport transport, uint64_t seed,
                     const uint8_t *query, size_t size, uint8_t *answer)
{
    struct responder responder;
    struct dns_client client;
    start(&responder, &client, transport, seed);
    return respond(&responder, snapshot, &client, query, size, answer);
}

size_t world_slip(const struct snapshot *snapshot, const uint8_t *query, size_t size,
                  uint8_t *answer)
{
    struct responder responder;
    struct dns_client client;
    struct message message;
    start(&responder, &client, TRANSPORT_UDP, 0);
    if (!respond_parse(&responder, &message, &client, query, size, answer))
        return 0;
    respond_find(&message, snapshot);
    return respond_slip(&responder, &message);
}
