# The resolvers: each as its package has it, but that it knows only lab.test, and asks the authoritative server for it
# directly. Sourced by failover-lab.sh.

known_resolvers="unbound bind kresd recursor dnsmasq unbound-60"
declare -A program_of_resolver=([unbound]=unbound [bind]=named [kresd]=kresd [recursor]=pdns_recursor
    [dnsmasq]=dnsmasq [unbound-60]=unbound)

# Sets `resolver_command`: its program and arguments; writes its configuration.
configure_unbound() { # FOLDER ADDRESS AUTHORITY [LINE ...]
    { printf '%s\n' server: "  interface: $2" "  outgoing-interface: $2" '  username: ""' '  chroot: ""' \
        "  directory: $1" "  pidfile: $1/pid" '  use-syslog: no' '  module-config: iterator' \
        '  access-control: 203.0.113.0/24 allow' '  local-zone: test. nodefault' "${@:4}"
    printf '%s\n' stub-zone: '  name: lab.test.' "  stub-addr: $3"; } >"$1/conf"
    resolver_command=(unbound -d -c "$1/conf")
}

# As resolvers that keep answers for at least a minute, whatever their TTL says.
configure_unbound-60() {
    configure_unbound "$@" '  cache-min-ttl: 60'
}

configure_bind() {
    cat >"$1/conf" <<X
options { directory "$1"; listen-on { $2; }; listen-on-v6 { none; }; query-source address $2; pid-file "$1/pid";
  session-keyfile "$1/key"; recursion yes; allow-query { any; }; dnssec-validation no; };
controls { };
zone "lab.test" { type static-stub; server-addresses { $3; }; };
X
    resolver_command=(named -f -n 1 -c "$1/conf")
}

configure_kresd() {
    cat >"$1/conf" <<X
net.listen('$2', 53)
net.outgoing_v4('$2')
cache.open(10 * MB, 'lmdb://$1')
trust_anchors.remove('.')
modules.unload('priming')
modules.unload('detect_time_jump')
policy.add(policy.suffix(policy.STUB('$3'), policy.todnames({'lab.test'})))
X
    resolver_command=(kresd -n -c "$1/conf" "$1")
}

configure_recursor() {
    printf '%s\n' "local-address=$2" "query-local-address=$2" "forward-zones=lab.test=$3" \
        'allow-from=203.0.113.0/24' 'dont-query=' dnssec=off threads=1 "socket-dir=$1" write-pid=no \
        security-poll-suffix= webserver=no >"$1/recursor.conf"
    resolver_command=(pdns_recursor "--config-dir=$1" --daemon=no --disable-syslog)
}

configure_dnsmasq() {
    resolver_command=(dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces
        "--listen-address=$2" --user=root --group=root --pid-file= "--server=/lab.test/$3@$2")
}

# Each with an address of its own in the clients' network. Sets `resolver_address`.
start_resolver() { # NAME SYSTEM NUMBER
    local folder=$work/resolver-$1-$2
    resolver_address=$clients.$((10 + $3))
    mkdir -p "$folder"
    ip -n clients addr add "$resolver_address/32" dev wire
    "configure_$1" "$folder" "$resolver_address" "${address_of[$2]}"
    start_program clients "$folder/log" "${resolver_command[@]}" || return
    wait_for_answer "$resolver_address" "$question_name" "$question_type"
}
