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
passed=0 failed=0 started=()
trap 'kill $(jobs -p) "${started[@]}" 2>/dev/null; wait 2>/dev/null; umount /etc/resolv.conf; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

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

becomes() { # WHAT EXPECTED
    local end=$((SECONDS + DEADLINE_S)) found
    until found=$(mx) && [ "$found" = "$2" ]; do
        if [ "$SECONDS" -ge "$end" ]; then
            failed=$((failed + 1))
            printf 'FAILED: %s: expected "%s", found "%s"\n' "$1" "$2" "$found"
            tail -n 20 "$work/log" | sed 's/^/    /'
            return
        fi
        sleep 0.05
    done
    passed=$((passed + 1))
    printf 'ok: %s\n' "$1"
}

start_host() { # ADDRESS
    "$build/mailhost" --listen "smtp:$1@2525" </dev/null >"$work/host-$1" 2>&1 &
    host=$!
    disown "$host" # without a word on its end
    started+=("$host")
    until grep -q ready "$work/host-$1"; do sleep 0.05; done
}

all="10 mx.outside.test. 10 mx1.example.test. 20 nowhere.outside.test."
without="10 mx1.example.test. 20 nowhere.outside.test."

outside 127.0.0.32
start_host 127.0.0.31
start_host 127.0.0.32
second=$host
"$build/evermxd" --zone "$work/outside.zone" --listen 127.0.0.1@53 --control "$work/outside.sock" 2>"$work/log-outside" &
name_server=$!
"$build/evermxd" -c "$work/evermx.yaml" 2>"$work/log" &

becomes "an exchange outside counts as up, and one without address is left alone" "$all"
until grep -q "mx.outside.test 127.0.0.32 .* -> up" "$work/log" || [ "$SECONDS" -gt "$DEADLINE_S" ]; do sleep 0.05; done
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

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
