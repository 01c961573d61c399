# The laboratory's network. Sourced by failover-lab.sh.
#
# One router, and behind it each network that a real one would have of its own: one for each mail host and each
# authoritative server, one for the clients (resolvers and senders). The observer is the namespace that all this is run
# in. All addresses are for documentation (RFC 5737); there is no way out.

observer_address=203.0.113.130
clients=203.0.113
declare -A address_of # of namespaces

in_ns() { # NAME COMMAND...; unlike `ip netns exec` in the same mount namespace
    local ns=$1
    shift
    nsenter --net="/run/netns/$ns" -- "$@"
}

become_in_ns() { # NAME COMMAND...: for the background, whose number is then the command's own
    local ns=$1
    shift
    exec nsenter --net="/run/netns/$ns" -- "$@"
}

# The router's end stays up when a host loses power, as a switch's port between them would: its end is a bridge.
attach() { # NAME NETWORK NUMBER LENGTH: the router has the network's first address, the namespace its second
    local name=$1 gateway=$2.$(($3 + 1)) address=$2.$(($3 + 2))
    ip netns add "$name"
    ip -n router link add "lan-$name" type bridge forward_delay 0
    ip -n router link add "$name" type veth peer name wire netns "$name"
    ip -n router link set "$name" master "lan-$name" up
    ip -n router addr add "$gateway/$4" dev "lan-$name"
    ip -n router link set "lan-$name" up
    ip -n "$name" link set lo up
    address_of[$name]=$address
    plug_in "$name" "$address/$4" "$gateway"
}

plug_in() { # NAME ADDRESS/LENGTH GATEWAY
    ip -n "$1" addr replace "$2" dev wire
    ip -n "$1" link set wire up
    ip -n "$1" route replace default via "$3"
}

make_network() {
    local number=0 system
    ip netns add router
    ip -n router link set lo up
    in_ns router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip link add observer type veth peer name observer netns router
    ip addr add "$observer_address/25" dev observer
    ip link set observer up
    ip -n router addr add 203.0.113.129/25 dev observer
    ip -n router link set observer up
    ip route add default via 203.0.113.129
    attach mx1 198.51.100 0 28
    attach mx2 198.51.100 16 28
    for system in $systems; do
        attach "$system" 192.0.2 "$number" 28
        number=$((number + 16))
    done
    attach clients "$clients" 0 25
}

power_off() {
    ip -n mx1 link set wire down
}

power_on() {
    plug_in mx1 198.51.100.2/28 198.51.100.1
}

drop_packets() { # of mx1, both ways, without a word to anybody
    in_ns router nft 'add table inet hole; add chain inet hole way { type filter hook forward priority 0; }
        add rule inet hole way ip daddr 198.51.100.2 drop; add rule inet hole way ip saddr 198.51.100.2 drop'
}

pass_packets() {
    in_ns router nft delete table inet hole
}
