#!/bin/bash
# test_drill_resolvers.sh - what evermx-drill finds out about real resolvers: three unbound, one as it comes, one that
# keeps answers for 240 s, one that fetches ahead and gives what has expired; and about nobody at all.
#
# About 35 seconds; needs root for tests/e2e/lab.sh. EVERMX_BUILD: where the programs are, default build.

set -u
export LC_ALL=C
unset CDPATH
here=$(cd "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}." && pwd -P) || exit 1
lab=$here/lab.sh
build=${EVERMX_BUILD:-build}
export LAB_DIR=${LAB_DIR:-${here%/tests/e2e}/build/lab/test_drill_resolvers}

if [ "$EUID" -ne 0 ]; then
    echo "skipped: needs root"
    exit 77
fi
# The lab's servers end with this script, however it ends.
if [ -z "${EVERMX_INSIDE:-}" ]; then
    EVERMX_INSIDE=1 exec "$lab" run "$BASH" "$here/${BASH_SOURCE[0]##*/}"
fi

work=$(mktemp -d) || exit 1
. "${here%/e2e}/support/started.sh"
dns=$(free_port) plain_port=$(free_port) liar_port=$(free_port) ahead_port=$(free_port) unused=$(free_port)
readonly server=127.0.0.1@$dns

cat >"$work/example.zone" <<'ZONE'
$ORIGIN example.test.
$TTL 60
@ SOA ns h 1 2 3 4 5
@ NS ns
ns A 127.0.0.1
ZONE
cat >"$work/evermx.yaml" <<YAML
server: {listen: ["$server"], canary-names: on, probing: off, control: $work/control.sock}
zones: [example.zone]
YAML
start_ready "$work/log" "$build/evermxd" -c "$work/evermx.yaml"

start() { # NAME PORT OPTION ...
    local name=$1 port=$2
    shift 2
    "$lab" start unbound "$name" 127.0.0.1 "$port" "$server" example.test "$@" >"$work/$name.log" 2>&1 || {
        cat "$work/$name.log"
        exit 1
    }
}
start plain $plain_port
start liar $liar_port cache-min-ttl=240
start ahead $ahead_port prefetch=yes serve-expired=yes cache-max-ttl=3600

drill=(timeout --foreground 90 "$build/evermx-drill" resolvers) # more than a minute is never due

# ---- what cannot be done ----

refused() { # EXPECTED OPTION ...
    local expected=$1 said status
    shift
    said=$("${drill[@]}" "$@" 2>&1)
    status=$?
    is "status of $*" 2 "$status"
    is "words of $*" "evermx-drill resolvers: $expected" "${said%%;*}"
}
refused "--zone is missing" --resolver 127.0.0.1
refused "there is no resolver to ask" --zone example.test
refused "--resolver: 'nowhere' is no ADDRESS or ADDRESS@PORT, like 192.0.2.53@53" --zone example.test --resolver nowhere
refused "--seconds: '19' is no duration in whole seconds from 20s to 1h, like 30s or 5m" --zone example.test --seconds 19
refused "--ttls: '86401' is no duration in whole seconds from 1s to 1d, or 0, like 30s or 5m" --zone example.test --ttls 1,86401 127.0.0.1
refused "--ttls: '' is no duration in whole seconds from 1s to 1d, or 0, like 30s or 5m" --zone example.test --ttls 1, 127.0.0.1
refused "--ttls: '1s' is given twice" --zone example.test --ttls 1,1s 127.0.0.1
refused "--resolver: '127.0.0.1@53' is given twice" --zone example.test 127.0.0.1 127.0.0.1@53
refused "--ttl: '1,2' is no duration in whole seconds from 1s to 1d, or 0, like 30s or 5m" --zone example.test --ttl 1,2 127.0.0.1
refused "a..b is no name, or too long for names below it" --zone a..b 127.0.0.1

# ---- all at once, as it takes its time ----

"${drill[@]}" --zone example.test --ttl 4 --seconds 30 --json "$work/all.json" 127.0.0.1@$plain_port 127.0.0.1@$liar_port \
    127.0.0.1@$ahead_port --resolver 127.0.0.1@$unused --resolver "$server" >"$work/all" 2>&1 &
all=$!
"${drill[@]}" --zone example.test --ttl 4s --ttls 5m --seconds 20s --csv - --resolver 127.0.0.1@$plain_port >"$work/plain" 2>&1 &
plain=$!
"${drill[@]}" --zone other.test --seconds 20 --resolver 127.0.0.1@$plain_port >"$work/other" 2>&1 &
other=$!
"${drill[@]}" --zone example.test --seconds 60 --resolver 127.0.0.1@$plain_port >"$work/stopped" 2>&1 &
stopped=$!
started+=("$all" "$plain" "$other" "$stopped")

sleep 3
kill -TERM "$stopped"
wait "$stopped"
is "status when it was stopped" 0 $?
is "verdict when it was stopped" "127.0.0.1@$plain_port: not dishonest in 3 s, which is too short to see a TTL of 10 s end" \
    "$(sed -n 1p "$work/stopped" | sed -E 's/in [23](\.[0-9])? s/in 3 s/')"

wait "$other"
is "status without canaries" 3 $?
is "words without canaries" 1 "$(grep -c 'is .canary-names: on. set' "$work/other")"
wait "$plain"
is "status of an honest one" 0 $?
is "nothing but CSV" 0 "$(grep -cv "^system,\|^,TTL 4 s,resolver,127.0.0.1@$plain_port,left," "$work/plain")"
is "changes" 1 "$(($(wc -l <"$work/plain") > 3))"

wait "$all"
is "status with a liar" 1 $?

# Lines of one resolver.
of() { # PORT [WORD]: the verdict, or what stands behind a word
    sed -n "/^127.0.0.1@$1: /,/^\$/p" "$work/all" | if [ -n "${2:-}" ]; then
        sed -n "s/^    $2  *//p"
    else
        sed -n '1s/^[^ ]*: //p'
    fi
}
is "plain" "honest: a failover takes your TTL, 4 s" "$(of $plain_port)"
is "plain's floor" none "$(of $plain_port floor)"
is "plain's ceiling" "none up to 86400 s" "$(of $plain_port ceiling)"
is "plain's prefetch" no "$(of $plain_port prefetch | cut -d' ' -f1)"
is "plain's stale" no "$(of $plain_port serve-stale | cut -d' ' -f1)"
is "plain after a pause" no "$(of $plain_port 'expired first' | cut -d' ' -f1)"
is "plain's caches" 1 "$(of $plain_port caches | cut -d' ' -f1)"
is "plain asks from" "1 address: 127.0.0.1" "$(of $plain_port 'fetches from')"

is "liar" "keeps our answers 240 s: a failover takes that long for its users" "$(of $liar_port)"
is "liar's floor" "240 s" "$(of $liar_port floor)"
is "liar's stale" "could not tell" "$(of $liar_port serve-stale)"

is "ahead" "honest to those who ask often: a failover takes your TTL, 4 s; but the first to ask after a pause gets \
the old answer, however old" "$(of $ahead_port)"
is "ahead's ceiling" "3600 s" "$(of $ahead_port ceiling)"
is "ahead's prefetch" yes: "$(of $ahead_port prefetch | cut -d' ' -f1)"
is "ahead's stale" "yes: with TTL 30" \
    "$(of $ahead_port serve-stale | sed -E 's/^(yes:) when the server fails, for [0-9.]+ s and more after an .* (with TTL [0-9]+) .*/\1 \2/')"

is "dead" "never answered" "$(of $unused | cut -d' ' -f1-2)"
is "the server itself" "keeps no answers: a failover takes no longer than at the server" "$(of $dns)"

# Those of --resolver come first.
is "judgments" "silent honest honest too-long too-long-behind" \
    "$(grep -o '"judgment": *"[a-z-]*"' "$work/all.json" | sed 's/.*"\([a-z-]*\)"$/\1/' | paste -sd' ')"
is "changes that the liar never showed" 1 \
    "$(grep -cE "^resolver 127.0.0.1@$liar_port +[0-9]+ +never" "$work/all")"

[ "$failed" = 0 ] || cat "$work/all"
tell_counts
