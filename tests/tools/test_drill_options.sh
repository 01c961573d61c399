#!/bin/bash
# test_drill_options.sh - the options of each subcommand of evermx-drill: those that its code takes, its --help tells
# and its manual page describes are the same ones; and what is said of wrong ones is the same everywhere. About 7 seconds.
#
# EVERMX_BUILD   where the programs are, default build

set -u
LC_ALL=C
export LC_ALL

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
cd "$work" || exit 1
readonly RUN_S=60
. "$repository/tests/support/started.sh"
sources=$repository/tools/drill page=$repository/tools/drill/evermx-drill.1
declare -A source_of=([watch]=watch/watch_options.c [lab]=lab/lab.c [resolvers]=resolvers/resolvers.c
    [simulate]=simulate/simulation.c [report]=record/report.c)

drill() { run "$build/evermx-drill" "$@"; }

in_order() { sort -u | paste -sd' '; }

# getopt's rows, and those that all share.
options_of_code() { # SUBCOMMAND
    cat "$sources/${source_of[$1]}" "$sources/record/output.h" |
        grep -oE '"[a-z-]+", (required|no|optional)_argument' | sed 's/"\([a-z-]*\)".*/--\1/' | in_order
}

options_of_help() { # SUBCOMMAND
    "$build/evermx-drill" "$1" --help | grep -oE -- '(^|[ ,:(`])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | in_order
}

# The items of its section, and --help, which stands before all.
options_of_page() { # SUBCOMMAND
    { echo --help
        awk -v section=".Sh ${1^^}" '/^\.Sh / { inside = $0 == section } inside && /^\.It Fl /' "$page" |
            grep -oE '\\-[a-z][a-z-]*' | sed 's/^\\-/--/'; } | in_order
}

for subcommand in watch lab resolvers simulate report; do
    taken=$(options_of_code "$subcommand")
    is "$subcommand takes some" yes "$([ "$(wc -w <<<"$taken")" -gt 5 ] && echo yes)"
    is "$subcommand: those of --help" "$taken" "$(options_of_help "$subcommand")"
    is "$subcommand: those of the manual page" "$taken" "$(options_of_page "$subcommand")"
    drill "$subcommand" -h
    is "$subcommand -h" 0 "$status"
    is "$subcommand -h is --help" "$("$build/evermx-drill" "$subcommand" --help)" "$out"
    has "$subcommand --help tells the exit status" "Exit status: 0" "$out"
    is "$subcommand --help: at most 100 columns" 0 "$(grep -c '.\{101\}' out)"
done
for option in title json csv plot; do
    has "the manual page tells --$option where all are told" ".It Fl \\-$option Ar" \
        "$(sed -n '/^.Ss Where it goes/,/^.Sh WATCH/p' "$page")"
done
if command -v mandoc >/dev/null; then
    is "mandoc finds nothing in it" "" "$(mandoc -T lint -W warning "$page" 2>&1)"
fi

# ---- the same words for the same mistake ----

wrong() { # WORDS SUBCOMMAND OPTION...
    local words=$1
    shift
    drill "$@"
    is "$*" 2 "$status"
    is "$* says nothing else" "" "$out"
    is "$* is told" "evermx-drill $1: $words; \`evermx-drill $1 --help\` tells the options" "$err"
}
for subcommand in watch lab resolvers simulate report; do
    wrong "--often: is no option, or short for several" "$subcommand" --often
    wrong "-x: is no option" "$subcommand" -x
    wrong "--plot: lacks its value" "$subcommand" --plot
    wrong "--help: takes no value" "$subcommand" --help=now
    wrong "-x: is no option" "$subcommand" --title=a -xh
    wrong "--title: lacks its value" "$subcommand" --tit
    wrong "--a?b: is no option, or short for several" "$subcommand" $'--a\nb'
    wrong "--plot: 'plot.pdf' is no name that ends in .svg, .png or .gp" "$subcommand" --plot plot.pdf
    wrong "--json and --csv cannot both go to standard output" "$subcommand" --json - --csv -
    wrong "--title?x: is no option, or short for several" "$subcommand" $'--title\xe2\x80\xaex'
done
for subcommand in watch lab simulate; do
    wrong "'now' is no option, and no other argument is expected" "$subcommand" now
done
for subcommand in watch lab simulate; do
    wrong "--seed: '1e9' is no whole number from 0 to 999999999" "$subcommand" --seed 1e9
    wrong "--seed: '-1' is no whole number from 0 to 999999999" "$subcommand" --seed -1
    wrong "--seed: '99999999999999999999' is no whole number from 0 to 999999999" "$subcommand" \
        --seed 99999999999999999999
done
for wrong in nan inf 1e9 -1 0x10 1x "" 99999999999999999999 "1 s" 3min; do
    wrong "--patience: '$wrong' is no duration from 100ms to 1d, like 500ms or 10s" watch --patience "$wrong"
    wrong "--settle: '$wrong' is no duration from 1ms to 1d, or 0, like 500ms or 10s" watch --settle "$wrong"
    wrong "--patience: '$wrong' is no duration in whole seconds from 1s to 1h, like 30s or 5m" lab --patience "$wrong"
    wrong "--ttl: '$wrong' is no duration in whole seconds from 1s to 1d, or 0, like 30s or 5m" \
        resolvers --ttl "$wrong"
    wrong "--ttl: '$wrong' is no duration in whole seconds from 1s to 1d, like 30s or 5m" simulate --ttl "$wrong"
    wrong "--rtt: '$wrong' is no duration from 1ms to 10s, or 0, like 500ms or 10s" simulate --rtt "$wrong"
    wrong "--rate: '$wrong' is no number from 1 to 100" watch --rate "$wrong"
done
wrong "--kinds: 'murder' is none of: kill, stop, power, blackhole, hang, 421, disk-full, queue-stuck" \
    lab --kinds kill,murder
wrong "--kinds: 'kill' is given twice" lab --kinds kill,kill
wrong "--systems: '' is none of: evermx, evermx-fast, gdnsd, gdnsd-fast, pdns, pdns-fast" lab --systems ""
wrong "--type: 'TXT' is none of: MX, SRV, A, AAAA" watch --name example.org --type TXT
wrong "--server: 'nowhere' is no ADDRESS or ADDRESS@PORT, like 192.0.2.53@53" watch --server nowhere
wrong "--server: '127.0.0.1@53' is given twice" watch --server 127.0.0.1 --server 127.0.0.1@53
wrong "--name is missing" watch --server 127.0.0.1
wrong "--seed: says nothing without --break and --mend" watch --name example.org --host mx1.example.org \
    --server 127.0.0.1 --seed 3

# ---- what it says to a terminal ----

# Of what nobody sees, or what turns words round, nothing comes out as it is; nor of what is no UTF-8.
evil=$'a\xe2\x80\xaeb\xe2\x80\x8bc\xe2\x81\xa6d\xef\xbb\xbfe\xc2\x9bf\x1bg\x9bh'
mild=$'a\xe2\x80\xaeb\xe2\x80\x8bc\xe2\x81\xa6d\xef\xbb\xbfe\xc2\x9bf\x1bg'
unfit() { LC_ALL=C grep -cP '\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf|\xc2[\x80-\x9f]|\x1b|\xff|\x9b' out err |
    awk -F: '{ all += $2 } END { print all }'; }
says_nothing_unfit() { # WHAT OPTION...
    local what=$1
    shift
    drill "$@"
    is "$what" 0 "$(unfit)"
    is "$what: it said something" yes "$([ -s out ] || [ -s err ] && echo yes)"
}
for word in "$evil" "$mild"; do
    says_nothing_unfit "no subcommand" "$word"
    for subcommand in watch lab resolvers simulate report; do
        says_nothing_unfit "$subcommand: an option" "$subcommand" "--$word"
        says_nothing_unfit "$subcommand: an argument" "$subcommand" "$word"
        says_nothing_unfit "$subcommand: a plot" "$subcommand" --plot "$word"
    done
    says_nothing_unfit "a name" watch --name "$word" --host "$word" --server 127.0.0.1@5719 --seconds 200ms
    says_nothing_unfit "a host" watch --name example.org --host "$word" --server 127.0.0.1@5719 --seconds 200ms
    says_nothing_unfit "a duration" watch --patience "$word"
    says_nothing_unfit "a probe" watch --name example.org --host mx1 --server 127.0.0.1 --probe "$word"
    says_nothing_unfit "what a command says" watch --name example.org --host mx1.example.org --patience 100ms \
        --server 127.0.0.1@5719 --break "echo '$word'" --mend true
    says_nothing_unfit "a kind" lab --kinds "$word"
    says_nothing_unfit "a zone" resolvers --zone "a..$word" --resolver 127.0.0.1@5719
    says_nothing_unfit "a set" simulate --set "$word=1"
    says_nothing_unfit "a check" simulate --check "$word"
    says_nothing_unfit "a goal" simulate --goal "$word"
    says_nothing_unfit "a configuration" simulate --config "$word"
    says_nothing_unfit "a population" simulate --population "$word"
    says_nothing_unfit "a detection" simulate --detection "$word"
    says_nothing_unfit "a file" report "$word"
    printf 'classes: [{name: x, users: "%s"}]\n' "$word" >population.yaml
    says_nothing_unfit "a bad population" simulate --population population.yaml
done
printf '{"format": "evermx-drill 1", "title": "%s", "settings": {"%s": "%s"}, "series": [
{"system": "%s", "kind": "%s", "place": "server", "name": "%s", "phase": "left", "never": 0, "times_s": [1, 2, 3]}],
"repetitions": []}\n' "${mild//$'\x1b'}" s{,,,,}"${mild//$'\x1b'}" >record.json
says_nothing_unfit "a record" report record.json --plot plot.gp
has "a record's title" "a?b?c?d?e?f" "$out"
is "its plot" 0 "$(LC_ALL=C grep -cP '\xe2\x80\xae|\xef\xbb\xbf|\xc2\x9b' plot.gp)"
says_nothing_unfit "a prediction of it" simulate --detection record.json --draws 2000
sed 's/"never": 0/"never": -1/; s/"times_s"/"\xe2\x80\xae"/' record.json >bad.json
says_nothing_unfit "a bad record" report bad.json

tell_counts
