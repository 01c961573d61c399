/* SPDX-License-Identifier: BSD-2-Clause */
#include "ask.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_S = 1 };

const struct mail_host mail_hosts[HOSTS] = {
    {"mx1", "mx1.example.test", "127.0.0.11"},
    {"mx2", "mx2.example.test", "127.0.0.12"},
    {"mx3", "mx3.example.test", "127.0.0.13"},
};

static const struct {
    const char *name, *text;
    ldns_rr_type rrtype;
} questions[QUESTIONS] = {
    [ASK_MX] = {"example.test.", "example.test MX", LDNS_RR_TYPE_MX},
    [ASK_SMTP] = {"smtp.example.test.", "smtp.example.test A", LDNS_RR_TYPE_A},
    [ASK_IMAP] = {"imap.example.test.", "imap.example.test A", LDNS_RR_TYPE_A},
};

const char *question_text(enum question question)
{
    return questions[question].text;
}

ldns_resolver *ask_open(uint16_t port)
{
    ldns_resolver *resolver = ldns_resolver_new();
    ldns_rdf *address = ldns_rdf_new_frm_str(LDNS_RDF_TYPE_A, "127.0.0.1");
    if (!resolver || !address || ldns_resolver_push_nameserver(resolver, address) != LDNS_STATUS_OK)
        memory_exhausted(sizeof *address);
    ldns_rdf_deep_free(address);
    ldns_resolver_set_port(resolver, port);
    ldns_resolver_set_recursive(resolver, false);
    ldns_resolver_set_igntc(resolver, true); /* no change to TCP: these answers fit */
    ldns_resolver_set_timeout(resolver, (struct timeval){.tv_sec = PATIENCE_S});
    ldns_resolver_set_retry(resolver, 1);
    return resolver;
}

/* HOSTS: none of them. */
static int host_of(const ldns_rr *record)
{
    bool is_mx = ldns_rr_get_type(record) == LDNS_RR_TYPE_MX;
    char *text = ldns_rdf2str(ldns_rr_rdf(record, is_mx ? 1 : 0));
    if (!text)
        return HOSTS;
    if (is_mx) /* absolute, with a last dot */
        text[strlen(text) - 1] = '\0';
    int host = 0;
    while (host < HOSTS &&
           strcmp(text, is_mx ? mail_hosts[host].domain : mail_hosts[host].address) != 0)
        host++;
    LDNS_FREE(text);
    return host;
}

static void take_record(struct answer *answer, const ldns_rr *record)
{
    int host = host_of(record);
    answer->ttl_s = ldns_rr_ttl(record);
    if (host == HOSTS) {
        answer->strangers++;
        return;
    }
    answer->hosts |= 1u << host;
    if (ldns_rr_get_type(record) == LDNS_RR_TYPE_MX)
        answer->preference[host] = ldns_rdf2native_int16(ldns_rr_rdf(record, 0));
}

void ask(ldns_resolver *resolver, enum question question, struct answer *answer)
{
    ldns_rdf *name = ldns_dname_new_frm_str(questions[question].name);
    ldns_pkt *packet = NULL;
    *answer = (struct answer){0};
    /* ldns gives up for ever on a server that was silent once; this one may still be starting. */
    ldns_resolver_set_nameserver_rtt(resolver, 0, LDNS_RESOLV_RTT_MIN);
    if (ldns_resolver_query_status(&packet, resolver, name, questions[question].rrtype,
                                   LDNS_RR_CLASS_IN, 0) == LDNS_STATUS_OK &&
        packet) {
        const ldns_rr_list *records = ldns_pkt_answer(packet);
        answer->came = true;
        answer->rcode = ldns_pkt_get_rcode(packet);
        for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++)
            take_record(answer, ldns_rr_list_rr(records, i));
    }
    ldns_pkt_free(packet);
    ldns_rdf_deep_free(name);
}

void answer_cell(enum question question, const struct answer *answer, int host,
                 char cell[CELL_SIZE])
{
    if (!(answer->hosts & 1u << host))
        snprintf(cell, CELL_SIZE, "-");
    else if (question == ASK_MX)
        snprintf(cell, CELL_SIZE, "%u %s", answer->preference[host], mail_hosts[host].name);
    else
        snprintf(cell, CELL_SIZE, "%s", mail_hosts[host].address);
}
