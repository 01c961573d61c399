# The authoritative servers. Each begins as its documentation says, with nothing set but what to check; NAME-fast has
# the shortest times that it can be trusted with. Sourced by failover-lab.sh.

declare -A program_of_system=([evermx]=evermxd [evermx-fast]=evermxd [gdnsd]=gdnsd [gdnsd-fast]=gdnsd
    [pdns]=pdns_server [pdns-fast]=pdns_server)
declare -A default_ttl=([evermx]=10 [evermx-fast]=5 [gdnsd]=60 [gdnsd-fast]=5 [pdns]=60 [pdns-fast]=5)

ttl_of() { # SYSTEM
    echo "${ttl:-${default_ttl[$1]}}"
}

zone_head() { # SYSTEM
    printf '%s\n' '$ORIGIN lab.test.' '$TTL 300' "@ SOA ns hostmaster 1 3600 600 86400 5" '@ NS ns' "ns A ${address_of[$1]}"
}

# evermx takes single MX records out, and addresses of a shared name: `mx` is what the others can change, too.
write_evermx_zone() {
    local host
    zone_head "$1"
    for host in mx1 mx2; do
        printf '%s\n' "@ MX 10 $host" "$host A ${address_of[$host]}" "mx A ${address_of[$host]}" \
            "_imap._tcp SRV 0 1 143 $host"
    done
    echo "shared MX 10 mx"
}

# Nothing is set that has to do with going down but what a kind cannot be seen without. Who is removed may come back at
# once: the tenth failure of the same host within an hour is held out for long, as it should be.
start_evermx() { # SYSTEM
    local folder=$work/$1 smtp="hold: 0s, slow-start: 0s" imap="" ttl_s
    ttl_s=$(ttl_of "$1")
    mkdir -p "$folder"
    write_evermx_zone "$1" >"$folder/lab.zone"
    printf 'user: probe\npassword: lab\n' >"$folder/credentials.yaml"
    chmod 600 "$folder/credentials.yaml"
    [ "$1" != evermx-fast ] || smtp+=", interval: 1s"
    case $needs in
    recipient) smtp+=", probe-recipient: probe@lab.test, service-interval: 5s" ;;
    round-trip)
        smtp+=", probe-recipient: probe@lab.test, round-trip: 10s, round-trip-alarm: 10s, round-trip-drain: 10s"
        imap=", credentials: credentials.yaml, tls: off" ;;
    esac
    printf '%s\n' "server: {listen: [\"${address_of[$1]}@53\"], workers: 1, control: $folder/control.sock}" \
        'zones: [lab.zone]' "checks: {smtp: {$smtp}, imap: {hold: 0s, slow-start: 0s$imap}}" \
        "policies: [{match: \"*\", ttl: ${ttl_s}s}]" >"$folder/evermx.yaml"
    become_in_ns "$1" "$evermxd" -c "$folder/evermx.yaml" >"$folder/log" 2>&1 </dev/null &
}

start_gdnsd() { # SYSTEM
    local folder=$work/$1 often=
    mkdir -p "$folder"/{conf/zones,run,state}
    [ "$1" != gdnsd-fast ] || often=", interval => 2, timeout => 1, down_thresh => 2, up_thresh => 3, ok_thresh => 3"
    { zone_head "$1"; printf '%s\n' '@ MX 10 mx' "mx $(ttl_of "$1") DYNA multifo!mx"; } |
        sed '/^.ORIGIN/d' >"$folder/conf/zones/lab.test"
    cat >"$folder/conf/config" <<X
options => { listen => ${address_of[$1]}, udp_threads => 1, tcp_threads => 1,
  run_dir => $folder/run, state_dir => $folder/state }
service_types => { smtp => { plugin => tcp_connect, port => 25$often } }
plugins => { multifo => { mx => { service_types => smtp, one => ${address_of[mx1]}, two => ${address_of[mx2]} } } }
X
    start_program "$1" "$folder/log" gdnsd -c "$folder/conf" start
}

start_pdns() { # SYSTEM
    local folder=$work/$1 options="selector='all'"
    mkdir -p "$folder"
    [ "$1" != pdns-fast ] || options+=", timeout=1"
    { zone_head "$1"; printf '%s\n' '@ MX 10 mx' \
        "mx $(ttl_of "$1") LUA A \"ifportup(25,{'${address_of[mx1]}','${address_of[mx2]}'},{$options})\""; } \
        >"$folder/lab.zone"
    echo "zone \"lab.test\" { type master; file \"$folder/lab.zone\"; };" >"$folder/named.conf"
    printf '%s\n' launch=bind "bind-config=$folder/named.conf" "local-address=${address_of[$1]}" \
        "socket-dir=$folder" receiver-threads=1 security-poll-suffix= enable-lua-records=yes >"$folder/pdns.conf"
    [ "$1" != pdns-fast ] || echo lua-health-checks-interval=1 >>"$folder/pdns.conf"
    start_program "$1" "$folder/log" pdns_server "--config-dir=$folder" --daemon=no --guardian=no \
        --disable-syslog --write-pid=no
}

start_authority() { # SYSTEM
    "start_${1%-fast}" "$1" || return
    authority_pid[$1]=$!
    wait_for_answer "${address_of[$1]}" lab.test MX || return
    # PowerDNS knows no host as alive before it was asked for it and has checked it: no cache is to have that answer.
    wait_for_host 60 "${address_of[$1]}"
}
declare -A authority_pid

stop_authority() { # SYSTEM
    kill "${authority_pid[$1]}" 2>/dev/null
    wait "${authority_pid[$1]}" 2>/dev/null
}
