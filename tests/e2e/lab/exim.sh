# Exim. Sourced by lab.sh.

exim_prepare() {
    forbid_words
    forbid_options local_interfaces daemon_smtp_ports log_file_path pid_file_path
    ports=(25/smtp)
    start_command=(/usr/sbin/exim4 -bd)
    pid_file=/run/exim4/exim.pid
}

exim_configure() {
    chmod 4755 "$root/usr/sbin/exim4" # SIGHUP starts it anew as its own user; copies of a cache lose the bit
    mkdir -p "$root/etc/exim4"
    install -d -o "${lab_ids[Debian-exim]}" -g "${lab_ids[Debian-exim]}" \
        "$root"/{run/exim4,var/spool/exim4,var/log/exim4}
    install -m 600 -o "${lab_ids[Debian-exim]}" "$root/etc/ssl/lab.key" "$root/etc/ssl/exim.key"
    exim_conf >"$root/etc/exim4/exim4.conf"
    chmod 644 "$root/etc/exim4/exim4.conf"
}

# Mail for lab.test is accepted and discarded; there is no transport, so nothing can be sent. The two
# lookup options are what would ask DNS about a client.
exim_conf() {
    local key
    local -A setting=(
        [local_interfaces]="<; $address"
        [daemon_smtp_ports]=25
        [primary_hostname]=$name.lab.test
        [host_lookup]=
        [helo_lookup_domains]=
        [log_selector]=+smtp_connection
        [log_file_path]=/var/log/exim4/%slog
        [pid_file_path]=$pid_file
        [tls_advertise_hosts]='*'
        [tls_certificate]=/etc/ssl/lab.pem
        [tls_privatekey]=/etc/ssl/exim.key
        [acl_smtp_rcpt]=lab_rcpt
        [acl_smtp_data]=accept
        [keep_environment]=
    )
    for key in "${!option[@]}"; do setting[$key]=${option[$key]}; done
    for key in "${!setting[@]}"; do printf '%s = %s\n' "$key" "${setting[$key]}"; done
    echo "domainlist local_domains = @ : lab.test
begin acl
lab_rcpt:
  accept domains = +local_domains
  deny message = relay not permitted
begin routers
discard:
  driver = redirect
  data = :blackhole:"
}
