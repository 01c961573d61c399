#!/bin/bash
# test_drill_report.sh - `evermx-drill report` as its users call it: files read, merged, cut down, shown,
# written and drawn; and what it says of bad ones. About 5 seconds.
#
# EVERMX_BUILD   where the programs are, default build

set -u
LC_ALL=C
export LC_ALL
unset COLUMNS NO_COLOR

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
cd "$work" || exit 1
readonly RUN_S=60
. "$repository/tests/support/started.sh"

report() { run "$build/evermx-drill" report "$@"; }

series() { # SYSTEM KIND PLACE NAME NEVER TIMES
    printf '{"system": "%s", "kind": "%s", "place": "%s", "name": "%s", "phase": "left", "never": %s, "times_s": [%s]}' "$@"
}

record() { # TITLE SETTINGS SERIES...
    local title=$1 settings=$2 between=""
    shift 2
    printf '{"format": "evermx-drill 1", "title": "%s", "settings": {%s}, "series": [' "$title" "$settings"
    for each; do
        printf '%s%s' "$between" "$each"
        between=,
    done
    printf '], "repetitions": [{"t0_s": 1.5}]}\n'
}

many=$(seq -s, 0.5 0.5 10) # 20
record "First" '"ttl_s": 10, "host": "mx1"' "$(series evermx kill server a 0 "$many")" \
    "$(series gdnsd hang resolver b 0 1,2,3)" >first.json
record "Second" '"ttl_s": 5, "host": "mx1"' "$(series evermx kill server a 0 "$many")" >second.json
record "Third" '' "$(series evermx kill server a 2 1,2)" >third.json

# ---- shown ----

report first.json
is "all was noticed" 0 "$status"
has "the title" "First" "$out"
has "a row with a p95" "evermx  server a          20    5.25    3.00-7.50  9.50  10.00      0" "$out"
has "few have none" "gdnsd   resolver b         3   2.000            -     -  3.000      0" "$out"
is "nothing on stderr" "" "$err"
lacks "no colours but on a terminal" $'\033' "$out"

report third.json
is "a failure that was never noticed" 1 "$status"
has "it is told" "2 of 4 were never noticed" "$out"

report --title "Of mine" - <first.json
is "a file from standard input" 3 "$status" # run's is empty
has "and an empty one is told" "reading standard input: line 1" "$err"
out=$("$build/evermx-drill" report --title "Of mine" - <first.json)
has "a title given" "Of mine" "$out"

COLUMNS=60 report first.json
lacks "what is too wide is left out" "bounds" "$out"

# ---- merged, and a part ----

report first.json second.json third.json --json all.json
is "three files" 1 "$status"
has "same keys add up" "evermx  server a          44 " "$out"
has "the others stay" "gdnsd   resolver b         3 " "$out"
has "the first title" "First" "$out"
has "settings that differ are all told" '"ttl_s": "10 | 5"' "$(<all.json)"
has "settings that do not are told once" '"host": "mx1"' "$(<all.json)"
is "repetitions of all" 3 "$(grep -c t0_s all.json)"
before=$out
report all.json
is "what was kept shows the same" "$before" "$out"

report first.json --only system=gdnsd
lacks "only one system" "evermx" "$out"
report first.json --only kind=kill --only kind=hang --only place=resolver
has "of two kinds, and a place" "gdnsd" "$out"
lacks "of two kinds, and a place, not others" "evermx" "$out"
report all.json --only system=gdnsd
is "what is not shown does not count" 0 "$status"
report third.json --only system=gdnsd
is "nothing is left" 3 "$status"
has "that is told" "no series is as --only says" "$err"
sed 's/"ttl_s": 10/"ttl_s": 1/' first.json >one.json
report first.json one.json --json ten.json
cp first.json copy.json
report first.json second.json copy.json
is "the same file again" 3 "$status"
has "is told" "first.json and copy.json hold the same repetitions" "$err"
record "MX" '"question": "example.test MX"' "$(series "" "" server a 0 1,2)" >mx.json
record "SRV" '"question": "_imap._tcp.example.test SRV"' "$(series "" "" server a 0 3,4)" >srv.json
record "Elsewhere" '"question": "_imap._tcp.example.test SRV"' "$(series "" "" server b 0 3,4)" >elsewhere.json
report mx.json srv.json
has "two questions in one series" "srv.json asked for _imap._tcp.example.test SRV, the files before it for example.test MX; the times of both are counted as one's" "$err"
report mx.json elsewhere.json
is "two questions in two series" "" "$err"
for part in 1 2; do
    each=()
    for i in {1..600}; do each+=("$(series "$part-$i" kill server a 0 1)"); done
    record "Part $part" "\"part\": $part" "${each[@]}" >"many$part.json"
done
report many1.json many2.json --json many.json
is "more series than can be read again" 3 "$status"
has "are told" "more than 1000 series" "$err"
has "a setting that is a part of another" '"ttl_s": "10 | 1"' "$(<ten.json)"

# ---- written ----

report third.json --csv -
is "CSV instead of the table" $'system,kind,place,name,phase,predicted,repetition,time_s\r
evermx,kill,server,a,left,false,1,1.000000\r
evermx,kill,server,a,left,false,2,2.000000\r
evermx,kill,server,a,left,false,3,\r
evermx,kill,server,a,left,false,4,\r' "$out"
report third.json --json - --csv third.csv
has "JSON instead of the table" '"format": "evermx-drill 1"' "$out"
lacks "and nothing else" "noticed" "$out"
is "lines of the CSV file" 5 "$(wc -l <third.csv)"
is "nothing is left beside" "" "$(find . -name '*.??????' -not -name '*.json')"
report first.json --json /nowhere/at/all.json
is "a file that cannot be written" 3 "$status"
has "is told" "/nowhere/at/all.json" "$err"
has "and the table is shown" "gdnsd" "$out"
report first.json --json /dev/full
is "a full disk" 3 "$status"

# ---- drawn ----

if command -v gnuplot >/dev/null; then
    report all.json --plot plot.svg --plot plot.png --plot script.gp
    is "plots" 1 "$status"
    is "without a word" "" "$err"
    has "an SVG" "<svg" "$(head -c 1000 plot.svg)"
    is "a PNG" "PNG" "$(head -c 4 plot.png | tail -c 3)"
    has "the legend" "resolver b" "$(<plot.svg)"
    gnuplot -d script.gp 2>err
    is "the script is one that gnuplot runs" "0" "$?"
    is "to the same picture" "" "$(diff <(sed 's/plot_[0-9]*//g' plot.svg) <(sed 's/plot_[0-9]*//g' script.svg) | head -n 5)"
fi
mkdir empty
PATH=$work/empty "$build/evermx-drill" report first.json --plot missing.svg --csv missing.csv >out 2>err
is "without gnuplot" 3 "$?"
has "it is told" "gnuplot is missing (as root: apt-get install gnuplot-nox); its script is in missing.gp" "$(<err)"
has "the table is shown" "gdnsd" "$(<out)"
is "the CSV is there" 24 "$(wc -l <missing.csv)"
has "the script is there" "plot \$curve0" "$(<missing.gp)"
is "and no half of a picture" "" "$(find . -name 'missing.svg*')"

# ---- what it says ----

report --help
is "help" 0 "$status"
has "of its options" "--only WHAT=WORD" "$out"
has "of those that all share" "--plot FILE" "$out"
for wrong in "" "--only moon=full first.json" "--only kind first.json" "--plot plot.pdf first.json" \
    "--json - --csv - first.json" "--nonsense first.json" "--plot" \
    "--plot a.gp --plot b.gp --plot c.gp --plot d.gp --plot e.gp first.json"; do
    # shellcheck disable=SC2086
    report $wrong
    is "wrong usage: $wrong" 2 "$status"
    is "no output: $wrong" "" "$out"
done
report first.json missing.json
is "a file that is missing" 3 "$status"
has "is told" "evermx-drill: reading missing.json: No such file or directory" "$err"
record "Bad" '' "$(series evermx kill server a 0 1,-2)" >bad.json
report first.json bad.json
is "a bad file" 3 "$status"
has "is told with the place" 'reading bad.json: series[0].times_s[1]: must be a number of seconds' "$err"
is "nothing is shown of the others" "" "$out"

# ---- its manual page ----

page=$repository/tools/drill/evermx-drill.1
for option in $("$build/evermx-drill" report --help | grep -oE -- '--[a-z]+' | sort -u); do
    has "the manual page tells $option" "Fl \\-${option#--}" "$(<"$page")"
done
if command -v mandoc >/dev/null; then
    is "mandoc finds nothing in it" "" "$(mandoc -T lint -W warning "$page" 2>&1)"
fi

tell_counts
