#!/bin/bash
# test_external.sh - an exchange outside our zones: its addresses come from the system's resolver, it leaves the
# MX answer when it is dead, and follows its name to another address.
#
# Runs in a network and mount namespace of its own, with its own /etc/resolv.conf: a second evermxd
# is the name server of the outside. EVERMX_BUILD: where the programs are, default build.

set -u
LC_ALL=C
export LC_ALL

if [ "$(id -u)" -ne 0 ]; then
    echo "needs root: a network namespace with ports below 1024"
    exit 77
fi
if [ -z "${EVERMX_INSIDE:-}" ]; then
    if ! unshare --net --mount true 2>/dev/null; then
        echo "needs network and mount namespaces, which this machine does not give"
        exit 77
    fi
    EVERMX_INSIDE=1 exec unshare --net --mount -- bash "${BASH_SOURCE[0]}"
fi

build=${EVERMX_BUILD:-build}
work=$(mktemp -d) || exit 1
readonly DEADLINE_S=60 # the resolver asks every 30 s
. "${BASH_SOURCE[0]%/*}/../support/started.sh"
trap 'umount /etc/resolv.conf; clean_up' EXIT

ip link set lo up
echo "nameserver 127.0.0.1" >"$work/resolv.conf"
mount --bind "$work/resolv.conf" /etc/resolv.conf || exit 77

outside() { # ADDRESS...: the zone of the outside, its exchange at these addresses
    {
        printf '$ORIGIN outside.test.\n$TTL 1\n@ SOA ns h %d 2 3 4 1\n@ NS ns\nns A 127.0.0.1\n' "$(date +%s)"
        printf 'mx A %s\n' "$@"
    } >"$work/outside.zone"
}

cat >"$work/example.zone" <<'ZONE'
$ORIGIN example.test.
$TTL 60
@ SOA ns h 1 2 3 4 5
@ NS ns
ns A 127.0.0.1
@ MX 10 mx.outside.test.
@ MX 10 mx1
@ MX 20 nowhere.outside.test.
mx1 A 127.0.0.31
ZONE
cat >"$work/evermx.yaml" <<YAML
server: {listen: ["127.0.0.1@5300"], control: $work/control.sock}
zones: [example.zone]
checks: {smtp: {port: 2525, interval: 500ms, greeting-timeout: 2s, hold: 0s, slow-start: 0s}}
YAML

mx() {
    kdig @127.0.0.1 -p 5300 +short +time=2 example.test MX | sort | paste -sd' '
}

found() { # EXPECTED
    found=$(mx)
    [ "$found" = "$1" ]
}

becomes() { # WHAT EXPECTED
    within found "$2" || tail -n 20 "$work/log" | sed 's/^/    /'
    is "$1" "$2" "$found"
}

start_host() { # ADDRESS
    start_ready "$work/host-$1" "$build/mailhost" --listen "smtp:$1@2525"
    host=$pid
    disown "$host" # without a word on its end
}

all="10 mx.outside.test. 10 mx1.example.test. 20 nowhere.outside.test."
without="10 mx1.example.test. 20 nowhere.outside.test."

outside 127.0.0.32
start_host 127.0.0.31
start_host 127.0.0.32
second=$host
start_ready "$work/log-outside" "$build/evermxd" --zone "$work/outside.zone" --listen 127.0.0.1@53 --control "$work/outside.sock"
name_server=$pid
start_ready "$work/log" "$build/evermxd" -c "$work/evermx.yaml"

becomes "an exchange outside counts as up, and one without address is left alone" "$all"
within grep -q "mx.outside.test 127.0.0.32 .* -> up" "$work/log"
kill -KILL "$second"
becomes "it leaves when it is dead" "$without"
start_host 127.0.0.33
outside 127.0.0.33
kill -HUP "$name_server"
becomes "its name is asked again: it is back at another address" "$all"
kill -KILL "$host"
becomes "and leaves from there" "$without"
kill "$name_server"
start_host 127.0.0.33
becomes "without its name server the address is kept" "$all"

tell_counts
