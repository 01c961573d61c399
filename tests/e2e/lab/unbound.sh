# unbound, as a resolver that caches for a client. Sourced by lab.sh.

# Words: PORT DNS_ADDRESS@DNS_PORT DOMAIN ...
unbound_prepare() {
    [ ${#words[@]} -ge 3 ] || wrong_usage "unbound needs PORT DNS_ADDRESS@DNS_PORT DOMAIN ..."
    forbid_options interface outgoing-interface port chroot logfile pidfile
    dns_server=${words[1]}
    is_local "${dns_server%@*}" || wrong_usage "$dns_server is neither of loopback nor for documentation"
    ports=("${words[0]}/dns")
    start_command=(/usr/sbin/unbound -c /etc/unbound/unbound.conf)
    pid_file=/run/unbound.pid
}

unbound_configure() {
    mkdir -p "$root/etc/unbound"
    chown "${lab_ids[unbound]}" "$root/var/log/lab.log"
    unbound_conf "${words[@]:2}" >"$root/etc/unbound/unbound.conf"
}

# The cache has its defaults. Names outside of the domains are refused, and queries leave from a
# loopback address, from which the kernel sends nothing off the machine. "test." is one of the names
# that unbound otherwise answers itself.
unbound_conf() {
    local domain key outgoing=$address
    case ${dns_server%@*}/$address in
        *:*/*:*) ;;
        *:*/*) outgoing=::1 ;;
        */*:*) outgoing=127.0.0.1 ;;
    esac
    echo "server:
    interface: $address@${words[0]}
    outgoing-interface: $outgoing
    username: unbound
    chroot: \"\"
    directory: /etc/unbound
    pidfile: $pid_file
    logfile: /var/log/lab.log
    use-syslog: no
    module-config: iterator
    do-not-query-localhost: no
    local-zone: test. nodefault
    local-zone: . refuse"
    for domain; do echo "    local-zone: ${domain%.}. transparent"; done
    for key in "${!option[@]}"; do echo "    $key: ${option[$key]}"; done
    for domain; do echo "stub-zone:
    name: ${domain%.}.
    stub-addr: $dns_server"; done
}
