/* SPDX-License-Identifier: BSD-2-Clause */
/* The questions that the demonstration goes on asking, by ldns over UDP, as a resolver would. */
#ifndef EVERMX_DEMO_ASK_H
#define EVERMX_DEMO_ASK_H

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The mail hosts of zones/example.test.zone. */
enum { HOSTS = 3 };
extern const struct mail_host {
    const char *name, *domain, *address;
} mail_hosts[HOSTS];

enum question { ASK_MX, ASK_SMTP, ASK_IMAP, QUESTIONS };
const char *question_text(enum question question); /* "example.test MX" */

struct answer {
    bool came;
    ldns_pkt_rcode rcode;
    unsigned hosts;             /* one bit each */
    unsigned preference[HOSTS]; /* MX */
    size_t strangers;           /* records that name none of the hosts */
    uint32_t ttl_s;
};

/* Of a server at 127.0.0.1. Out of memory ends the process. */
ldns_resolver *ask_open(uint16_t port);
void ask(ldns_resolver *resolver, enum question question, struct answer *answer);

/* What one host contributes to an answer: "10 mx1", "127.0.0.11"; "-": nothing. */
enum { CELL_SIZE = 32 };
void answer_cell(enum question question, const struct answer *answer, int host,
                 char cell[CELL_SIZE]);

#endif
