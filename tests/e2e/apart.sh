#!/bin/bash
# apart.sh COMMAND ... - runs a command in a network, mount and process namespace of its own.
#
# There it may drop packets, mount and make network devices as it likes: nothing of it is seen outside, nothing leaves
# the machine, and when the command ends (or is killed) every process that it has left behind ends, too. The network
# is a loopback interface; more is made by `ip netns`, whose names are private as well.
#
# The command finds EVERMX_APART=1. Where such namespaces are not allowed it runs all the same, without that, and what
# needs them must be skipped; with EVERMX_APART=must the status is then 77.
set -u

inside() {
    ip link set lo up &&
        mount -t tmpfs -o mode=755 none /run &&
        mkdir -p /run/netns /run/lock || exit 1
    # This shell stays: it is the first process here, and takes leave of those whose parents have ended.
    env EVERMX_APART=1 "$@"
    exit "$?"
}

[ "${1:-}" != --inside ] || { shift; inside "$@"; }
apart=(unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc)
if [ "$EUID" = 0 ] && command -v ip nft >/dev/null && "${apart[@]}" true 2>/dev/null; then
    "${apart[@]}" "$BASH" "$0" --inside "$@" <&0 &
    trap 'kill -KILL $!; wait $!; exit 143' TERM INT HUP # unshare itself waits whatever comes
    wait $!
    exit "$?"
fi
if [ "${EVERMX_APART:-}" = must ]; then
    echo "skipped: needs root and namespaces (unshare), ip and nft"
    exit 77
fi
echo "no namespaces here: what needs them is skipped"
exec env -u EVERMX_APART "$@"
