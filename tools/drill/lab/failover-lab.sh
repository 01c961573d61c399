#!/bin/bash
# failover-lab.sh - the laboratory of `evermx-drill lab`, which begins it and tells what it found.
#
#   failover-lab.sh run FOLDER     builds everything in namespaces of its own, breaks and mends the first mail host in
#                                  each way, and leaves in FOLDER, which is there:
#                                      watch-KIND.json   what `evermx-drill watch` found
#                                      places            ADDRESS@PORT, system and name of each server and resolver
#                                      events            KIND, break or mend, when it began and was done (ms, UTC)
#                                      sent-SYSTEM       when its sending Postfix was given a message (ms, UTC)
#                                      mail-SYSTEM.log   what it logged
#                                      settings          KEY VALUE
#                                      left-out          a line for each thing that could not be
#   failover-lab.sh break KIND, mend KIND      from inside
#
# Standard input is the leash: a line on it ends the run early, with what is there; its end ends everything.
# Environment: LAB_KINDS, LAB_SYSTEMS, LAB_RESOLVERS (words), LAB_REPS, LAB_SENDER (yes), LAB_DRILL and LAB_EVERMXD
# (programs); may be empty: LAB_TTL, LAB_SETTLE, LAB_PATIENCE (whole seconds), LAB_SEED; and LAB_CACHE, where fetched packages
# are kept.
set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
unset CDPATH
home=$(cd "${BASH_SOURCE[0]%/*}" && pwd -P) || exit 3
# The mail servers' own lab is a test's in the source tree, and beside this script where both are installed.
servers_home=$home/servers
[ -x "$servers_home/lab.sh" ] || servers_home=$(cd "$home/../../../tests/e2e" && pwd -P) || exit 3
work=/run/evermx-lab # in a file system of our own
kinds=${LAB_KINDS-} systems=${LAB_SYSTEMS-} resolvers=${LAB_RESOLVERS-} ttl=${LAB_TTL-}
evermxd=${LAB_EVERMXD-} needs=

. "$home/network.sh"
. "$home/hosts.sh"
. "$home/programs.sh"
. "$home/authorities.sh"
. "$home/resolvers.sh"
. "$home/sender.sh"
. "$home/runs.sh"

say_on_terminal() { # WORDS: how far it is
    [ ! -t 2 ] || printf '\r\033[Klab: %s' "$*" >&2
}

# Programs' logs are cited, which may hold anything.
printable() { # WORDS
    local words=$*
    printf '%s\n' "${words//[^[:print:]]/?}"
}

leave_out() { # WORDS
    [ ! -t 2 ] || printf '\r\033[K' >&2
    printable "lab: left out: $*" >&2
    echo "$*" >>"$results/left-out"
}

give_up() { # WORDS
    [ ! -t 2 ] || printf '\r\033[K' >&2
    printable "lab: $*" >&2
    exit 3
}

setting() { # KEY VALUE
    printf '%s\t%s\n' "$1" "$2" >>"$results/settings"
}

# ---- outside the namespaces ----

# The servers' files are outside of memory: a folder for each laboratory of this machine at a time.
take_folder() {
    local number lock
    mkdir -p "$LAB_CACHE/drill" || exit 3
    for number in 1 2 3 4 5 6 7 8 9; do
        exec {lock}>"$LAB_CACHE/drill/$number.lock"
        if flock -n "$lock"; then
            export LAB_DIR=$LAB_CACHE/drill/$number
            servers cleanup # what one that was killed has left
            return
        fi
        exec {lock}>&-
    done
    give_up "nine laboratories are under way already"
}

begin_outside() {
    local program names=()
    results=$1
    export LAB_CACHE=${LAB_CACHE:-$(default_cache)}
    [ "$EUID" = 0 ] || give_up "needs root"
    for program in unshare nsenter ip nft flock kdig dd mountpoint; do
        command -v "$program" >/dev/null || give_up "needs $program"
    done
    for name in $systems; do names+=("${program_of_system[$name]}"); done
    for name in $resolvers; do names+=("${program_of_resolver[$name]}"); done
    say_on_terminal "fetching what is missing"
    servers fetch >"$results/fetch.log" 2>&1 || give_up "no mail servers: $(tail -n 1 "$results/fetch.log")"
    fetch_programs $(printf '%s\n' "${names[@]}" | sort -u | grep -v evermxd)
    take_folder
    trap end_outside EXIT
    trap 'exit 143' TERM INT HUP
    EVERMX_APART=must "$servers_home/apart.sh" "$BASH" "$home/failover-lab.sh" inside "$results" <&0 &
    apart=$!
    wait "$apart"
    exit
}

default_cache() {
    case $servers_home in
    */tests/e2e) echo "${servers_home%/tests/e2e}/build/lab" ;;
    *) echo /var/cache/evermx-drill ;;
    esac
}

end_outside() {
    local status=$?
    trap '' TERM INT HUP
    kill "$apart" 2>/dev/null && wait "$apart" 2>/dev/null
    servers cleanup
    exit "$status"
}

# ---- inside ----

hold_the_leash() {
    local word
    while read -r word; do
        : >"$work/stop"
        [ ! -s "$work/watch.pid" ] || kill -INT "$(<"$work/watch.pid")"
    done
    kill -TERM "$$"
}

begin_inside() {
    [ -n "${EVERMX_APART:-}" ] || give_up "no namespaces are allowed here"
    results=$1
    mkdir -p "$work" || exit 3
    trap 'exit 143' TERM INT HUP
    local leash
    exec {leash}<&0 </dev/null
    hold_the_leash <&"$leash" &
    exec {leash}<&-
    run_all
}

verb=${1:-}
[ $# = 0 ] || shift
case $verb in
run) begin_outside "$@" ;;
inside) begin_inside "$@" ;;
break | mend)
    . "$work/state"
    began_ms=$((${EPOCHREALTIME/./} / 1000))
    "${verb}_host" "$1"
    status=$?
    echo "$1 $verb $began_ms $((${EPOCHREALTIME/./} / 1000))" >>"$results/events"
    exit "$status" ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2 ;;
esac
