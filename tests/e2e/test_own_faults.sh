#!/bin/bash
# test_own_faults.sh - what goes wrong on the prober's own side takes no host out of the answers: evermxd stopped and
# continued, no descriptors left, its uplink gone. Hosts in three subnets (tools/mailhost) live behind a router.
#
# EVERMX_BUILD   where the programs are, default build
#
# The clock that steps (CLOCK_REALTIME) is left out: a namespace cannot have its own.
set -u
LC_ALL=C
export LC_ALL
cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
[ -n "${EVERMX_APART:-}" ] || EVERMX_APART=must exec tests/e2e/apart.sh tests/e2e/test_own_faults.sh
build=${EVERMX_BUILD:-build}
work=$(mktemp -d) || exit 1
readonly HOSTS="198.51.100.1 198.51.101.1 198.51.102.1" CANARY=203.0.113.2 DEADLINE_S=40
. tests/support/started.sh

make_network() {
    local host
    ip netns add router
    ip netns add far
    ip link add near type veth peer name near netns router
    ip link add far netns router type veth peer name wire netns far
    ip addr add 192.0.2.1/24 dev near
    ip link set near up
    ip -n router addr add 192.0.2.2/24 dev near
    ip -n router addr add 203.0.113.1/24 dev far
    ip -n far addr add "$CANARY/24" dev wire
    ip -n router link set near up
    ip -n router link set far up
    ip -n far link set wire up
    ip -n far link set lo up
    for host in $HOSTS; do
        ip -n far addr add "$host/32" dev lo
        ip -n router route add "$host/32" via "$CANARY"
    done
    ip -n far route add default via 203.0.113.1
    ip route add default via 192.0.2.2
    ip netns exec router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip netns exec router nft 'add table inet cut; add chain inet cut in { type filter hook prerouting priority 0; }'
}

# Everything, as when our own line is dead; or what is for the hosts alone: then canaries answer.
cut_uplink() { ip netns exec router nft add rule inet cut in iifname near drop; }
cut_hosts() { ip netns exec router nft add rule inet cut in ip daddr 198.51.100.0/22 drop; }
mend() { ip netns exec router nft flush chain inet cut in; }

ctl() { "$build/evermxctl" -s "$work/control.sock" "$@"; }
count() { ctl status --json 2>/dev/null | jq "[.targets[] | select($1)] | length"; }
all_up() { [ "$(count '.verdict == "up" and .probes > 6')" = 3 ]; }
all_down() { [ "$(count '.verdict == "down"')" = 3 ]; }
removals() { grep -cE -- '-> down' "$work/log"; }
told() { ctl events 2>/dev/null | grep -ciE 'uplink|network|froz' ; }

begin() { # SERVER-OPTIONS: evermxd; returns when all hosts are up
    cat >"$work/evermx.yaml" <<END
server: {listen: ["127.0.0.1@24670"], control: $work/control.sock$1}
zones: [example.zone]
checks: {smtp: {hold: 0s, slow-start: 0s}}
END
    start_ready "$work/log" "$build/evermxd" -c "$work/evermx.yaml"
    daemon=$pid
    within all_up || { echo "the hosts did not come up"; tail -n 5 "$work/log"; exit 1; }
}

end() {
    kill "$daemon"
    wait "$daemon"
}

stopped_and_continued() {
    begin ""
    kill -STOP "$daemon"
    sleep 10
    kill -CONT "$daemon"
    sleep 5
    is "removals after 10 s of SIGSTOP" 0 "$(removals)"
    is "hosts up after 10 s of SIGSTOP" 3 "$(count '.verdict == "up"')"
    end
}

# What it has open is left to it, nothing more.
without_descriptors() {
    local open
    begin ""
    open=$(ls "/proc/$daemon/fd" | wc -l)
    prlimit --pid "$daemon" --nofile="$open:"
    sleep 8
    prlimit --pid "$daemon" --nofile=1024:
    sleep 5
    is "removals without descriptors" 0 "$(removals)"
    is "hosts up with descriptors again" 3 "$(count '.verdict == "up"')"
    end
}

uplink_dies() { # WHAT SERVER-OPTIONS
    begin "$2"
    cut_uplink
    sleep 20
    is "$1: removals while the uplink is gone" 0 "$(removals)"
    is "$1: told by an event" yes "$([ "$(told)" -gt 0 ] && echo yes)"
    mend
    within all_up
    is "$1: hosts up with the uplink again" 3 "$(count '.verdict == "up"')"
    is "$1: removals in all" 0 "$(removals)"
    # It has thawed: the silence of one host counts again.
    ip netns exec router nft add rule inet cut in ip daddr 198.51.101.1 drop
    within eval '[ "$(removals)" != 0 ]'
    is "$1: one dead host, afterwards" 1 "$(removals)"
    mend
    end
}

link_goes_down() {
    begin ""
    ip link set near down
    sleep 15
    is "link down: removals" 0 "$(removals)"
    ip link set near up
    ip route add default via 192.0.2.2
    within all_up
    is "link up again: hosts up" 3 "$(count '.verdict == "up"')"
    end
}

# The line behind our router is cut, and the router says of all hosts that they are unreachable.
router_says_unreachable() {
    begin ", canaries: [$CANARY]"
    ip -n router link set far down
    sleep 15
    is "router says unreachable: removals" 0 "$(removals)"
    ip -n router link set far up
    local host
    for host in $HOSTS; do
        ip -n router route add "$host/32" via "$CANARY"
    done
    within all_up
    is "line again: hosts up" 3 "$(count '.verdict == "up"')"
    is "line again: removals" 0 "$(removals)"
    ip -n router route replace unreachable 198.51.101.1/32
    within eval '[ "$(removals)" != 0 ]'
    is "one host is unreachable, afterwards" 1 "$(removals)"
    ip -n router route replace 198.51.101.1/32 via "$CANARY"
    end
}

# The line works: all hosts are dead at once, which happens.
canary_answers() {
    begin ", canaries: [$CANARY]"
    cut_hosts
    within all_down
    is "a canary answers: hosts down" 3 "$(count '.verdict == "down"')"
    mend
    end
}

make_network
{
    printf '$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 5\n@ NS ns1\nns1 A 127.0.0.1\n'
    i=0
    for host in $HOSTS; do
        printf '@ MX 10 mx%d\nmx%d A %s\n' "$i" "$i" "$host"
        i=$((i + 1))
    done
} >"$work/example.zone"
listen=()
for host in $HOSTS; do listen+=(--listen "smtp:$host"); done
start_ready "$work/hosts" ip netns exec far "$build/mailhost" "${listen[@]}"

stopped_and_continued
without_descriptors
uplink_dies "the gateway as canary" ""
uplink_dies "a canary of the operator's" ", canaries: [$CANARY]"
link_goes_down
router_says_unreachable
canary_answers

tell_counts
