/* SPDX-License-Identifier: BSD-2-Clause */
/* test_catalogue [long | NUMBER ...]: each way in which mail hosts fail that is known to us, done
 * to real servers (where none can be brought to it: tools/mailhost), and what becomes of the
 * answers. The table that it prints is case, expected, observed, time from the break to the changed
 * answer. Numbers are those of the catalogue that the prober was made from; letters tell variants
 * apart. Long rows are for `make check-long`. Run it by tests/e2e/apart.sh. */
#include "support/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Rows break side by side, so that many hosts are silent at once: the guard would be right to
 * freeze. It has tests of its own. */
static const char server_yaml[] = "  uplink-guard: off\n  ca-file: %WORK%/authorities.pem\n";

/* The liveness rhythm is the default, the service rhythm short. */
#define COMMON "service-interval: 4s, hold: 0s, slow-start: 0s"
#define LOGIN  COMMON ", credentials: %WORK%/credentials"
static const char check_yaml[] = "  smtp: {" COMMON ", probe-recipient: probe@lab.test}\n"
                                 "  submission: {" LOGIN "}\n  smtps: {" LOGIN "}\n"
                                 "  imap: {" LOGIN "}\n  imaps: {" LOGIN "}\n";

enum {
    SECOND = 1000,
    /* What a machine that does all of this at once may add. */
    SLACK = 2000,
    REFUSED = 2200 + SLACK,
    BLACK_HOLE = 3600 + SLACK,
    HUNG = 4600 + SLACK,
    PUT_OFF = 2700 + SLACK,
    /* A service probe is the first probe that is due when its interval is over, which can be that
     * of liveness longer. */
    RHYTHM = 4000 + 2000,
    SERVICE = RHYTHM + 500 + 2 * 2500 + SLACK, /* a recheck, two slow dialogues */
    GREETING = 2000 + 2 * 8000 + 500 + SLACK,  /* two greetings that take the whole timeout */
    STALL = RHYTHM + 2 * 10000 + 500 + SLACK,  /* two replies that take it */
    WATCH = 15 * SECOND,                       /* two service probes at least */
};

#define EARLY        "postfix smtpd_delay_reject=no" /* restrictions hold from the greeting on */
#define REFUSE(text) "conf 'smtpd_client_restrictions=check_client_access static:{" text "}'"
#define SASL                                                                                       \
    "smtpd_sasl_auth_enable=yes smtpd_sasl_type=dovecot smtpd_sasl_path=inet:$address:24610"
#define SUBMISSION "dovecot sasl=24610; postfix submission=1 smtps=1 " SASL
#define SENTINEL   "sentinel: on, interval: 60s, service-interval: 60s"

/* clang-format off */
static const struct row rows[] = {
    {"1", "Postfix's master killed, idle", ROW_MX, "postfix", "see_one_leave; lab kill-master $name",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused|greeting-closed", false, false, 0},
    {"1b", "Postfix: all processes killed", ROW_MX, "postfix", "lab kill $name",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused", false, false, 0},
    {"1c", "Exim: all processes killed", ROW_MX, "exim", "lab kill $name",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused", false, false, 0},
    {"2", "master killed while a session is open", ROW_MX, "postfix", "occupy 25 1; lab kill-master $name",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"3", "orderly stop", ROW_MX, "postfix", "lab stop $name",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused", false, false, 0},
    {"3b", "Exim: orderly stop", ROW_MX, "exim", "lab stop $name",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused", false, false, 0},
    {"4", "power loss behind a router", ROW_MX, "behind_router; postfix", "power_off_behind_router",
        NULL, "198.51.100.4", ROW_LEAVES, BLACK_HOLE, "connect-timeout|unreachable", true, false, 0},
    {"5", "black hole, both ways", ROW_MX, "postfix", "filter 'TO drop' 'FROM drop'",
        NULL, NULL, ROW_LEAVES, BLACK_HOLE, "connect-timeout", true, false, 0},
    {"6", "all processes hang (SIGSTOP)", ROW_MX, "postfix", "lab pause $name",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"6b", "Exim: all processes hang", ROW_MX, "exim", "lab pause $name",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"7", "the master hangs, no idle smtpd", ROW_MX, "postfix; dovecot",
        "lab signal $name STOP master; lab signal $name KILL smtpd",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"7", "... IMAP of the same host", ROW_IMAP, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"8", "process limit reached", ROW_MX, "postfix maxproc=2", "occupy 25 2",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"9", "smtpd cannot start (bad configuration)", ROW_MX, "postfix",
        "conf smtpd_relay_restrictions= smtpd_recipient_restrictions=permit",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout|greeting-closed", false, false, 0},
    {"10", "greeting after 5 s, always", ROW_MX, EARLY " smtpd_client_restrictions='sleep 5' wait=connect", NULL,
        NULL, NULL, ROW_STAYS, 30 * SECOND, NULL, false, false, 4000},
    {"10b", "postscreen: 220- at once, 220 after 6 s", ROW_MX,
        "postfix postscreen=1 postscreen_greet_action=enforce postscreen_greet_ttl=1s postscreen_greet_wait=6s", NULL,
        NULL, NULL, ROW_STAYS, 30 * SECOND, NULL, false, false, 0},
    {"10c", "the mail host's own resolver is dead", ROW_MX,
        "filter 'TO udp dport 53 drop'; postfix smtpd_peername_lookup=yes wait=connect; r=$(lab root $name); "
        "printf 'nameserver %s\\noptions timeout:5 attempts:1\\n' $address >$r/etc/resolv.conf; printf 'hosts: files dns\\n' "
        ">$r/etc/nsswitch.conf; : >$r/etc/hosts; lab restart $name", NULL,
        NULL, NULL, ROW_STAYS, 30 * SECOND, NULL, true, false, 4000},
    {"10d", "greeting after 5 s, all of a sudden", ROW_MX, EARLY, "conf 'smtpd_client_restrictions=sleep 5'",
        NULL, NULL, ROW_RETURNS, 10 * SECOND, NULL, false, false, 4000},
    {"10e", "Exim: greeting after 5 s, always", ROW_MX, "exim acl_smtp_connect=slow; printf 'begin acl\\n"
        "slow:\\n  accept delay = 5s\\n' | sed -i -e '/^begin acl/{r /dev/stdin' -e 'd}' "
        "$(lab root $name)/etc/exim4/exim4.conf; lab reload $name", NULL,
        NULL, NULL, ROW_STAYS, 30 * SECOND, NULL, false, false, 4000},
    {"11", "greeting after 30 s", ROW_MX, EARLY, "conf 'smtpd_client_restrictions=sleep 30'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout", false, false, 0},
    {"11b", "greeting after 30 s, and greeting-timeout: 60s", ROW_MX,
        EARLY " smtpd_client_restrictions='sleep 30' wait=connect", NULL,
        "greeting-timeout: 60s", NULL, ROW_STAYS, 80 * SECOND, NULL, false, true, 25000},
    {"12", "421 greeting (shutdown, load)", ROW_MX, EARLY, REFUSE("421 4.3.2 Service not available"),
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-4xx", false, false, 0},
    {"12b", "Exim: 421 greeting", ROW_MX, "exim", "exim_conf 'smtp_load_reserve = 0\\nsmtp_connect_backlog = 20\\n"
        "acl_smtp_connect = shut' 's/^begin acl/&\\nshut:\\n  defer message = 421 Service not available, closing/'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-4xx", false, false, 0},
    {"13", "421 to us: too many connections from here", ROW_MX, "postfix",
        "conf smtpd_client_connection_rate_limit=1 smtpd_client_event_limit_exceptions=",
        NULL, NULL, ROW_STAYS, WATCH, "prober-refused", false, false, 0},
    {"8b", "Exim: connection limit reached", ROW_MX, "exim smtp_accept_max=2", "occupy 25 2",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-4xx", false, false, 0},
    {"13b", "Exim: too many connections from here", ROW_MX, "exim smtp_accept_max_per_host=2", "occupy 25 2",
        NULL, NULL, ROW_STAYS, WATCH, "prober-refused", false, false, 0},
    {"14", "554 greeting", ROW_MX, EARLY, REFUSE("554 5.7.1 Access denied"),
        NULL, NULL, ROW_STAYS, WATCH, "prober-refused", false, false, 0},
    {"14b", "554 greeting, and refusal: down", ROW_MX, EARLY, REFUSE("554 5.7.1 Access denied"),
        "refusal: down", NULL, ROW_LEAVES, PUT_OFF, "greeting-5xx", false, false, 0},
    {"15", "451 greeting (broken map)", ROW_MX, EARLY,
        "conf 'smtpd_client_restrictions=check_client_access hash:/nonexistent'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-4xx", false, false, 0},
    {"16", "disk full: 452 at MAIL", ROW_MX, "postfix spool=64M", "full_queue",
        NULL, NULL, ROW_LEAVES, SERVICE, "reply-4xx", true, false, 0},
    {"16b", "Exim: disk full", ROW_MX, "exim", "exim_conf 'check_spool_space = 1000000G'",
        NULL, NULL, ROW_LEAVES, SERVICE, "reply-4xx", false, false, 0},
    {"17", "spool read-only", ROW_MX, "postfix", "read_only_queue",
        NULL, NULL, ROW_LEAVES, STALL, "reply-timeout|reply-4xx", true, false, 0},
    {"18", "the recipient table's server is down", ROW_MX, "postfix",
        "conf local_recipient_maps=tcp:$address:9999",
        NULL, NULL, ROW_LEAVES, STALL, "reply-timeout|reply-4xx", false, false, 0},
    {"19", "content filter down, for a while", ROW_MX, "postfix", "conf smtpd_milters=inet:$address:9998",
        NULL, NULL, ROW_STAYS, 10 * SECOND, NULL, false, false, 0},
    {"19b", "content filter down, and it lasts", ROW_MX, "postfix", "conf smtpd_milters=inet:$address:9998",
        NULL, NULL, ROW_LEAVES, 640 * SECOND, "deferred", false, true, 0},
    {"20", "greylisting", ROW_MX, "postfix",
        "conf 'smtpd_recipient_restrictions=check_recipient_access static:{450 4.2.0 Greylisted}'",
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"20b", "greylisting, and it lasts", ROW_MX, "postfix",
        "conf 'smtpd_recipient_restrictions=check_recipient_access static:{450 4.2.0 Greylisted}'",
        NULL, NULL, ROW_STAYS, 640 * SECOND, NULL, false, true, 0},
    {"21", "mail store unwritable: IMAP", ROW_IMAP, "dovecot; postfix", "chmod 000 $(lab root $name-imap)/var/mail",
        NULL, NULL, ROW_LEAVES, SERVICE, "mailbox-broken", false, false, 0},
    {"21", "... SMTP of the same host", ROW_MX, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"22", "Dovecot dead: IMAP", ROW_IMAP, SUBMISSION, "lab kill $name-imap",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused", false, false, 0},
    {"22", "... submission", ROW_SUBMISSION, NULL, NULL,
        NULL, NULL, ROW_LEAVES, HUNG + 1000, "greeting-closed|greeting-timeout|login-unavailable|reply-closed", false, false, 0},
    {"22", "... MX", ROW_MX, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"23", "Dovecot hung: IMAP", ROW_IMAP, SUBMISSION, "lab pause $name-imap",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"23", "... submission", ROW_SUBMISSION, NULL, NULL,
        NULL, NULL, ROW_LEAVES, STALL, "reply-timeout|greeting-timeout|greeting-closed|login-unavailable", false, false, 0},
    {"23", "... MX", ROW_MX, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"24", "data base of logins away: IMAP", ROW_IMAP, SUBMISSION,
        "sed -i -e '/driver = static/s/static/imap/' -e \"s/args = password=lab/args = host=$address port=9/\" "
        "-e '/^userdb/,/^}/s/driver = imap/driver = static/' $(lab root $name-imap)/etc/dovecot/dovecot.conf; "
        "lab reload $name-imap; lab reload $name", /* an smtpd that is there keeps to the old logins */
        NULL, NULL, ROW_LEAVES, STALL, "login-unavailable|reply-timeout", false, false, 0},
    {"24", "... submission", ROW_SUBMISSION, NULL, NULL,
        NULL, NULL, ROW_LEAVES, STALL, "login-unavailable|reply-timeout", false, false, 0},
    {"25", "IMAP pre-login places full", ROW_IMAP,
        "dovecot extra='service imap-login {\n client_limit = 1\n process_limit = 1\n service_count = 0\n}'",
        "occupy 143 1",
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"26", "accepts all, delivers nothing", ROW_MX,
        "dovecot lmtp=1; postfix local_transport=lmtp:inet:[$address]:24 lmtp_destination_recipient_limit=1",
        "lab signal $name STOP qmgr",
        "round-trip: 10s, round-trip-alarm: 10s, round-trip-drain: 10s", NULL,
        ROW_DRAINED, 45 * SECOND, NULL, false, false, 0},
    {"26", "... its IMAP", ROW_IMAP, NULL, NULL,
        NULL, NULL, ROW_STAYS, 45 * SECOND, NULL, false, false, 0},
    {"27", "certificate expired: MX", ROW_MX, "dovecot sasl=24610; postfix smtps=1 submission=1 " SASL, "certificate expired",
        NULL, NULL, ROW_STAYS, WATCH, "cert-expired", false, false, 0},
    {"27", "... submission", ROW_SUBMISSION, NULL, NULL,
        NULL, NULL, ROW_LEAVES, SERVICE, "cert-expired", false, false, 0},
    {"27", "... smtps", ROW_SMTPS, NULL, NULL,
        NULL, NULL, ROW_LEAVES, SERVICE, "cert-expired", false, false, 0},
    {"27", "... imaps", ROW_IMAPS, NULL, NULL,
        NULL, NULL, ROW_LEAVES, SERVICE, "cert-expired", false, false, 0},
    {"27b", "certificate for another name: MX", ROW_MX, "dovecot; postfix smtps=1", "certificate wrong-name",
        NULL, NULL, ROW_STAYS, WATCH, "cert-name", false, false, 0},
    {"27b", "... imaps", ROW_IMAPS, NULL, NULL,
        NULL, NULL, ROW_LEAVES, SERVICE, "cert-name", false, false, 0},
    {"27c", "certificate of a stranger (self-signed): MX", ROW_MX, "dovecot; postfix", "certificate stranger",
        NULL, NULL, ROW_STAYS, WATCH, "cert-untrusted", false, false, 0},
    {"27c", "... imaps", ROW_IMAPS, NULL, NULL,
        NULL, NULL, ROW_LEAVES, SERVICE, "cert-untrusted", false, false, 0},
    {"27d", "certificate expired, and tls: required on 25", ROW_MX, "postfix", "certificate expired",
        "tls: required", NULL, ROW_LEAVES, SERVICE, "cert-expired", false, false, 0},
    {"27e", "certificate ends in 3 days: imaps", ROW_IMAPS, "dovecot", "certificate soon",
        NULL, NULL, ROW_STAYS, WATCH, "cert-expires", false, false, 0},
    {"28", "STARTTLS gone, and tls: required", ROW_MX, "postfix", "conf smtpd_tls_security_level=none",
        "tls: required", NULL, ROW_LEAVES, SERVICE, "tls-not-offered", false, false, 0},
    {"28b", "STARTTLS gone", ROW_MX, "postfix", "conf smtpd_tls_security_level=none",
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"28c", "key unreadable, and tls: required", ROW_MX, "postfix", "conf smtpd_tls_chain_files= smtpd_tls_cert_file=/etc/ssl/lab.pem smtpd_tls_key_file=/nonexistent",
        "tls: required", NULL, ROW_LEAVES, SERVICE, "tls-refused|tls-not-offered|tls-failed", false, false, 0},
    {"28d", "key unreadable", ROW_MX, "postfix", "conf smtpd_tls_chain_files= smtpd_tls_cert_file=/etc/ssl/lab.pem smtpd_tls_key_file=/nonexistent",
        NULL, NULL, ROW_STAYS, WATCH, "tls-refused|tls-not-offered|tls-failed", false, false, 0},
    {"28e", "STARTTLS gone: submission", ROW_SUBMISSION, SUBMISSION,
        "sed -i s/security_level=encrypt/security_level=none/ $(lab root $name)/etc/postfix/master.cf; lab reload $name",
        NULL, NULL, ROW_LEAVES, SERVICE, "tls-not-offered", false, false, 0},
    {"29", "firewall rejects by RST", ROW_MX, "postfix", "filter 'TO tcp dport 25 reject with tcp reset'",
        NULL, NULL, ROW_LEAVES, REFUSED, "refused", true, false, 0},
    {"29b", "firewall rejects by ICMP, the whole host", ROW_MX, "postfix", "filter 'TO reject with icmpx admin-prohibited'",
        NULL, NULL, ROW_LEAVES, REFUSED, "unreachable", true, false, 0},
    {"29c", "firewall rejects port 25 by ICMP, IMAP answers", ROW_MX, "postfix; dovecot",
        "filter 'TO tcp dport 25 reject with icmpx admin-prohibited'",
        NULL, NULL, ROW_STAYS, WATCH, "prober-blocked", true, false, 0},
    {"29c", "... its IMAP", ROW_IMAP, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, true, false, 0},
    {"29d", "firewall rejects by ICMP port-unreachable, the whole host", ROW_MX, "postfix", "filter 'TO reject'",
        NULL, NULL, ROW_LEAVES, REFUSED, "unreachable", true, false, 0},
    {"29e", "firewall rejects port 25 by ICMP port-unreachable", ROW_MX, "postfix", "filter 'TO tcp dport 25 reject'",
        NULL, NULL, ROW_LEAVES, REFUSED, "unreachable", true, false, 0},
    {"30", "only the prober banned from 25 (fail2ban)", ROW_MX, "postfix; dovecot", "filter 'TO tcp dport 25 drop'",
        NULL, NULL, ROW_STAYS, WATCH, "prober-blocked", true, false, 0},
    {"30", "... its IMAP", ROW_IMAP, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, true, false, 0},
    {"30b", "the same, banned as fail2ban does it: reject with port-unreachable", ROW_MX, "postfix; dovecot",
        "filter 'TO tcp dport 25 reject with icmpx port-unreachable'",
        NULL, NULL, ROW_STAYS, WATCH, "prober-blocked", true, false, 0},
    {"30b", "... its IMAP", ROW_IMAP, NULL, NULL,
        NULL, NULL, ROW_STAYS, WATCH, NULL, true, false, 0},
    {"32", "20 % loss each way", ROW_MX, "postfix",
        "filter 'TO numgen random mod 100 < 20 drop' 'FROM numgen random mod 100 < 20 drop'",
        NULL, NULL, ROW_STAYS, 60 * SECOND, NULL, true, false, 0},
    {"32b", "the ends of handshakes are lost, twice each", ROW_MX, "postfix",
        "sysctl -qw net.netfilter.nf_conntrack_acct=1; filter 'TO tcp dport 25 ct original packets { 2, 3 } drop'",
        NULL, NULL, ROW_STAYS, 30 * SECOND, NULL, true, false, 0},
    {"33", "half-open session after power loss: a sentinel sees it", ROW_IMAP, "dovecot", "filter 'TO drop' 'FROM drop'",
        SENTINEL, NULL, ROW_LEAVES, 2600 + 2 * 3500 + SLACK, "connect-timeout", true, false, 0},
    {"33b", "a whole host killed: a sentinel sees it", ROW_IMAP, "dovecot", "lab kill $name-imap",
        SENTINEL, NULL, ROW_LEAVES, 300 + 700, "refused", false, false, 0},
    {"34", "partial greeting, no CRLF", ROW_MX, "fake smtp", "tell 'all partial'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout|greeting-bad", false, false, 0},
    {"34b", "binary junk", ROW_MX, "fake smtp", "tell 'all junk'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout|greeting-bad", false, false, 0},
    {"34c", "another protocol at the port", ROW_MX, "fake smtp", "tell 'all wrong-protocol'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-bad|greeting-closed", false, false, 0},
    {"34d", "a greeting of 100,000 octets", ROW_MX, "fake smtp", "tell 'all long-line'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-bad", false, false, 0},
    {"34e", "a code that changes within the greeting", ROW_MX, "fake smtp", "tell 'all code-change'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-bad|greeting-4xx", false, false, 0},
    {"34f", "IMAP: binary junk", ROW_IMAP, "fake imap", "tell 'all junk'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout|greeting-bad", false, false, 0},
    {"34g", "IMAP: another protocol", ROW_IMAP, "fake imap", "tell 'all wrong-protocol'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-bad|greeting-closed", false, false, 0},
    {"34h", "accepts, then closes", ROW_MX, "fake smtp", "tell 'all close'",
        NULL, NULL, ROW_LEAVES, PUT_OFF, "greeting-closed", false, false, 0},
    {"35", "endless greeting, 220- lines", ROW_MX, "fake smtp", "tell 'all endless'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout|greeting-bad", false, false, 0},
    {"35b", "one octet a second", ROW_MX, "fake smtp", "tell 'all drip'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout", false, false, 0},
    {"35c", "IMAP: endless greeting", ROW_IMAP, "fake imap", "tell 'all endless'",
        NULL, NULL, ROW_LEAVES, GREETING, "greeting-timeout|greeting-bad", false, false, 0},
    {"36", "no DNS for the prober, as for all rows", ROW_MX, "postfix", NULL,
        NULL, NULL, ROW_STAYS, 30 * SECOND, NULL, true, false, 0},
    {"38", "text before STARTTLS is finished, tls: required", ROW_MX, "fake smtp", "tell 'all inject'",
        "tls: required", NULL, ROW_LEAVES, SERVICE, "injection", false, false, 0},
    {"38b", "text before STARTTLS is finished", ROW_MX, "fake smtp", "tell 'all inject'",
        NULL, NULL, ROW_STAYS, WATCH, "injection", false, false, 0},
    {"39", "TLS stalls in the handshake: imaps", ROW_IMAPS, "fake imaps", "tell 'all tls-stall'",
        NULL, NULL, ROW_LEAVES, HUNG, "greeting-timeout", false, false, 0},
    {"39b", "TLS stalls in the handshake: MX", ROW_MX, "fake smtp", "tell 'all tls-stall'",
        NULL, NULL, ROW_STAYS, 30 * SECOND, "tls-timeout", false, false, 0},
    {"39c", "TLS is cut in the handshake: imaps", ROW_IMAPS, "fake imaps", "tell 'all tls-close'",
        NULL, NULL, ROW_LEAVES, SERVICE, "tls-failed|greeting-closed", false, false, 0},
    {"40", "TLS 1.1 at most: smtps", ROW_SMTPS, SUBMISSION,
        "conf smtpd_tls_protocols=TLSv1.1 smtpd_tls_mandatory_protocols=TLSv1.1 smtpd_tls_ciphers=medium "
        "smtpd_tls_mandatory_ciphers=medium tls_medium_cipherlist=ALL:@SECLEVEL=0",
        NULL, NULL, ROW_LEAVES, SERVICE, "tls-weak|tls-failed", false, false, 0},
    {"41", "EHLO is not answered", ROW_MX, "fake smtp", "tell 'all ehlo-hang'",
        NULL, NULL, ROW_LEAVES, STALL, "reply-timeout", false, false, 0},
    {"41b", "EHLO unknown, HELO known", ROW_MX, "fake smtp", "tell 'all ehlo-500'",
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"41c", "QUIT is not answered", ROW_MX, "fake smtp", "tell 'all quit-hang'",
        NULL, NULL, ROW_STAYS, WATCH, NULL, false, false, 0},
    {"42", "all processes hang, for 30 s, and come back", ROW_MX, "postfix",
        "lab pause $name; (sleep 30; lab continue $name) >/dev/null 2>&1 & echo $! >>$work/pids",
        NULL, NULL, ROW_RETURNS, 75 * SECOND, NULL, false, true, 0},
};
/* clang-format on */

enum { COUNT = sizeof rows / sizeof *rows };

static struct rows *run;
static struct rows_choice choice;

static int run_all(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        puts("needs root: real mail servers listen on port 25");
        exit(77);
    }
    run = rows_run(rows, COUNT, &choice, server_yaml, check_yaml);
    return 0;
}

static int print_and_end(void **state)
{
    (void)state;
    rows_print(run);
    rows_free(run);
    return 0;
}

static void row_is_as_expected(void **state)
{
    const struct row_result *result = rows_result(run, *(size_t *)*state);
    if (result->state == ROW_SKIPPED)
        skip();
    if (!result->passed && result->explained)
        fputs(result->explained, stderr);
    if (!result->passed)
        fail_msg("%s, %s: %s", result->row->number, result->row->words, result->observed);
}

int main(int argc, char **argv)
{
    static size_t indexes[COUNT];
    struct CMUnitTest tests[COUNT];
    choice.is_long = argc > 1 && strcmp(argv[1], "long") == 0;
    if (argc > 1 && !choice.is_long)
        choice = (struct rows_choice){.numbers = argv + 1, .count = (size_t)argc - 1};
    for (size_t i = 0; i < COUNT; i++) {
        indexes[i] = i;
        tests[i] = (struct CMUnitTest){
            .name = rows[i].words, .test_func = row_is_as_expected, .initial_state = &indexes[i]};
    }
    return cmocka_run_group_tests(tests, run_all, print_and_end);
}
