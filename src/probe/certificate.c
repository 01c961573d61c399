/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/certificate.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DAY_S = 24 * 60 * 60 };

/* A machine without a clock of its own begins in the past, where no certificate is valid yet: that
 * is no server's fault. 2026-01-01. */
static const time_t EARLIEST_NOW = 1767225600;

/* ---- authorities ---- */

static bool file_has_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_size > 0;
}

/* OpenSSL looks authorities up in a folder by files named like "5ed36f99.0". */
static bool folder_has_hashes(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool has = false;

    while (folder && !has && (entry = readdir(folder)))
        has = strspn(entry->d_name, "0123456789abcdef") == 8 && entry->d_name[8] == '.';
    if (folder)
        closedir(folder);
    return has;
}

static bool system_has_authorities(void)
{
    const char *file = getenv(X509_get_default_cert_file_env());
    const char *folder = getenv(X509_get_default_cert_dir_env());
    return file_has_bytes(file ? file : X509_get_default_cert_file()) ||
           folder_has_hashes(folder ? folder : X509_get_default_cert_dir());
}

bool certificate_load_authorities(SSL_CTX *context, const char *ca_file)
{
    bool has = ca_file ? SSL_CTX_load_verify_file(context, ca_file)
                       : SSL_CTX_set_default_verify_paths(context) && system_has_authorities();
    /* A file may name a server's own certificate, or one in the middle of a chain. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    ERR_clear_error();
    return has;
}

/* ---- what is wrong ---- */

static __attribute__((format(printf, 3, 4))) bool
finding_set(struct certificate_finding *finding, enum reason reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    finding->reason = reason;
    vsnprintf(finding->detail, sizeof finding->detail, format, arguments);
    va_end(arguments);
    return true;
}

/* False: the certificate holds something else. */
static bool time_of(const ASN1_TIME *asn1, time_t *seconds, char date[11])
{
    struct tm parts;
    if (!ASN1_TIME_to_tm(asn1, &parts) || !strftime(date, 11, "%Y-%m-%d", &parts))
        return false;
    *seconds = timegm(&parts);
    return true;
}

static const char *days_text(time_t seconds, char text[32])
{
    long long days = seconds / DAY_S;
    if (days == 0)
        snprintf(text, 32, "less than a day");
    else
        snprintf(text, 32, "%lld day%s", days, days == 1 ? "" : "s");
    return text;
}

static bool find_times(const X509 *certificate, time_t now, struct certificate_finding *finding)
{
    char from_date[11], to_date[11], days[32];
    time_t from, to;

    if (!time_of(X509_get0_notBefore(certificate), &from, from_date) ||
        !time_of(X509_get0_notAfter(certificate), &to, to_date))
        return finding_set(finding, REASON_CERT_EXPIRED, "its times cannot be read");
    if (now < from)
        return finding_set(finding, REASON_CERT_EXPIRED, "not valid before %s (in %s)", from_date,
                           days_text(from - now, days));
    if (now > to)
        return finding_set(finding, REASON_CERT_EXPIRED, "expired %s (%s ago)", to_date,
                           days_text(now - to, days));
    return false;
}

static bool find_expiry(const X509 *certificate, const struct certificate_rules *rules,
                        struct certificate_finding *finding)
{
    char date[11], days[32];
    time_t to;

    if (!time_of(X509_get0_notAfter(certificate), &to, date) ||
        to - rules->now >= rules->warn_ms / 1000)
        return false;
    return finding_set(finding, REASON_CERT_EXPIRES, "expires %s (in %s)", date,
                       days_text(to - rules->now, days));
}

/* A NUL is no end of it: what stands before one may look like the very name that it is not for. */
static int name_write(const ASN1_STRING *text, char *name, size_t room)
{
    size_t size = (size_t)ASN1_STRING_length(text);
    if (size >= room)
        size = room - 1;
    for (size_t i = 0; i < size; i++) {
        name[i] = (char)ASN1_STRING_get0_data(text)[i];
        if (name[i] == '\0')
            name[i] = '?';
    }
    name[size] = '\0';
    return (int)size;
}

/* The first name of those that it is for. */
static void certificate_name(const X509 *certificate, char *name, size_t room)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int size = -1, common = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    for (int i = 0; size < 0 && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
        if (one->type == GEN_DNS)
            size = name_write(one->d.dNSName, name, room);
    }
    if (size < 0 && common >= 0)
        size =
            name_write(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, common)), name, room);
    if (size < 0)
        snprintf(name, room, "nobody");
    GENERAL_NAMES_free(names);
}

static bool find_name(X509 *certificate, const char *host, struct certificate_finding *finding)
{
    char name[100];
    if (!host || X509_check_host(certificate, host, strlen(host), 0, NULL) == 1)
        return false;
    certificate_name(certificate, name, sizeof name);
    return finding_set(finding, REASON_CERT_NAME, "for %s", name);
}

/* OpenSSL has followed the chain in the handshake. */
static bool find_chain(const SSL *ssl, struct certificate_finding *finding)
{
    long error = SSL_get_verify_result(ssl);
    enum reason reason = REASON_CERT_UNTRUSTED;

    if (error == X509_V_OK)
        return false;
    if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
        reason = REASON_CERT_EXPIRED; /* of an authority: its own times are right */
    return finding_set(finding, reason, "%s%s",
                       reason == REASON_CERT_EXPIRED ? "an authority's: " : "",
                       X509_verify_cert_error_string(error));
}

static int64_t ends_s(const X509 *certificate)
{
    char date[11];
    time_t to;
    bool known = certificate && time_of(X509_get0_notAfter(certificate), &to, date);
    return known ? to : 0;
}

void certificate_examine(SSL *ssl, const struct certificate_rules *rules,
                         struct certificate_finding *finding)
{
    bool timely = rules->now >= EARLIEST_NOW;
    X509 *certificate = SSL_get1_peer_certificate(ssl);

    *finding = (struct certificate_finding){.reason = REASON_NONE, .ends_s = ends_s(certificate)};
    if (SSL_version(ssl) < TLS1_2_VERSION)
        finding_set(finding, REASON_TLS_WEAK, "%s", SSL_get_version(ssl));
    else if (!certificate)
        finding_set(finding, REASON_CERT_UNTRUSTED, "there is no certificate");
    else
        (void)((timely && find_times(certificate, rules->now, finding)) ||
               find_name(certificate, rules->host, finding) ||
               (timely && rules->chain && find_chain(ssl, finding)) ||
               (timely && find_expiry(certificate, rules, finding)));
    X509_free(certificate);
    ERR_clear_error();
}
