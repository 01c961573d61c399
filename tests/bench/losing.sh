#!/bin/bash
# losing.sh - how often a living host is taken for dead where packets get lost.
#
#   tests/bench/losing.sh PERCENT [TARGETS [INTERVAL_MS [SECONDS]]]      as root
#
# Two network namespaces with a line between them that loses PERCENT of all packets each way, by nft; servers at
# one end, a prober with the verdicts of its targets at the other (tests/bench/probing.c).

set -eu
percent=$1 targets=${2:-100} interval=${3:-2000} seconds=${4:-120}
probing=${EVERMX_BUILD:-build}/tests/bench/probing
here=losing$$a there=losing$$b

finish() {
    [ -z "${servers:-}" ] || kill "$servers" 2>/dev/null || true
    ip netns del "$here" 2>/dev/null || true
    ip netns del "$there" 2>/dev/null || true
}
trap finish EXIT
ip netns add "$here"
ip netns add "$there"
ip link add l$$ netns "$here" type veth peer name r$$ netns "$there"
ip -n "$here" addr add 10.77.0.1/24 dev l$$
ip -n "$there" addr add 10.77.0.2/24 dev r$$
ip -n "$here" link set l$$ up
ip -n "$there" link set r$$ up
ip -n "$there" link set lo up
ip -n "$here" route add 10.78.0.0/16 via 10.77.0.2
ip -n "$there" route add local 10.78.0.0/16 dev lo
ip netns exec "$there" "$probing" --sink 2525 &
servers=$!
sleep 0.5
# What arrives is dropped, at both ends: a packet that is dropped where it leaves is an error there.
for end in "$here" "$there"; do
    ip netns exec "$end" nft -f - <<RULES
table inet losing {
    chain arriving {
        type filter hook input priority 0;
        meta l4proto tcp numgen random mod 1000 < $((percent * 10)) drop
    }
}
RULES
done
PROBING_AT=10.78@2525 ip netns exec "$here" "$probing" "$targets" "$interval" "$seconds"
