#!/bin/bash
# test_drill_lab.sh - `evermx-drill lab`, a short one: a real host is killed, and a real resolver and a real sender
# notice. Then what becomes of a laboratory that is ended in the middle. About a minute.
set -u
export LC_ALL=C
cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
build=${EVERMX_BUILD:-build}
EVERMX_APART=must tests/e2e/apart.sh true || exit 77
work=$(mktemp -d) || exit 1
readonly DEADLINE_S=60
. tests/support/started.sh

# One repetition was noticed, within so many seconds.
noticed() { # WHAT PLACE NAME PHASE SECONDS
    local times
    times=$(tr -d '\r' <"$work/times.csv" | grep "^evermx,kill,$2,$3,$4,false," | cut -d , -f 7,8)
    is "$1 ($times)" yes "$(awk -F , -v most="$5" 'NF == 2 && $1 == 1 && $2 != "" && $2 <= most { n++ }
        END { print n == 1 && NR == 1 ? "yes" : "no" }' <<<"$times")"
}

# Starts one in the background, as drill, and waits until it has broken a host. Sets `space`: its process namespace.
start_lab() { # FOLDER OPTION...
    local inner
    space=
    "$build/evermx-drill" lab --resolvers unbound --keep "$@" >"$work/table" 2>"$work/errors" </dev/null &
    drill=$!
    started+=("$drill")
    within test -s "$1/events"
    for inner in $(grep -lz "^$1\$" /proc/[0-9]*/cmdline 2>/dev/null); do # the folder is an argument of theirs
        space=$(readlink "${inner%/cmdline}/ns/pid")
        [ "$space" = "$(readlink /proc/self/ns/pid)" ] || break
    done
}

left_behind() {
    find /proc/[0-9]*/ns/pid -printf '%l\n' 2>/dev/null | grep -cxF "$space"
}

soon_nothing_is_left() {
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(left_behind)" != 0 ] || break
        sleep 0.1
    done
    left_behind
}

start_lab "$work/kept" --kinds kill --reps 1 --csv "$work/times.csv" --plot "$work/plot.gp"
is "it runs apart" yes "$([ "$(left_behind)" -gt 20 ] && [ "$space" != "$(readlink /proc/self/ns/pid)" ] && echo yes)"
wait "$drill"
is "the status" 0 "$?"
is "what was said" "lab: kill: 1 each" "$(sed 's/, about.*//' "$work/errors" | head -n 1)"
noticed "the server" server "" left 5
noticed "the resolver" resolver unbound left 17
noticed "the return" server "" back 40
noticed "the sender" sender "all again" served 20
is "no mail is lost" yes "$(grep -Eq '^mail of evermx in kill: [0-9]+ sent: .* 0 bounced' "$work/table" && echo yes)"
is "nothing was left out" no "$([ -e "$work/kept/left-out" ] && echo yes || echo no)"
is "the plot" yes "$([ -s "$work/plot.gp" ] && echo yes)"
is "nothing is left" 0 "$(left_behind)"

start_lab "$work/ended" --kinds power --reps 100 --no-sender
is "it was under way" "power break" "$(cut -d ' ' -f 1,2 "$work/ended/events" 2>/dev/null | head -n 1)"
within grep -q '^power mend' "$work/ended/events"
kill -INT "$drill"
wait "$drill"
is "interrupted, it tells what is there" 0 "$?"
is "it was once" yes "$(grep -Eq '^evermx +server +1 ' "$work/table" && echo yes)"
is "nothing is left of one that was interrupted" 0 "$(soon_nothing_is_left)"

start_lab "$work/killed" --kinds power --reps 100 --no-sender
{ kill -KILL "$drill"; wait "$drill"; } 2>/dev/null
is "nothing is left of one that was killed" 0 "$(soon_nothing_is_left)"

[ "$failed" = 0 ] || cat "$work/errors" "$work/table" "$work"/kept/left-out 2>/dev/null
tell_counts
