#!/bin/bash
# test_drill_simulate.sh - `evermx-drill simulate` as its users call it: what it predicts and keeps, of the
# configuration and of what was measured, goals, and what it says of bad options. About 2 seconds.
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

simulate() { run "$build/evermx-drill" simulate "$@"; }

few=(--draws 5000 --reps 200)
cat >people.yaml <<'X'
resolvers: 100
classes:
  - {name: busy, users: 1, busiest: 1ms, quietest: 1ms}
X

# ---- predictions ----

simulate "${few[@]}" --json one.json --csv one.csv
is "a prediction" 0 "$status"
has "of each kind" "hang: out of the answers" "$out"
has "of the server" "evermx  server, predicted" "$out"
has "of each class of the default population" "evermx  resolver 4min+" "$out"
is "no bounds of what is only drawn" 0 "$(grep -c '95 %' out)"
is "at most 80 columns" 0 "$(grep -c '.\{81\}' out)"
longest() { printf '%s\n' "$out" | awk -v name="$1" 'index($0, name) == 1 { print $(NF - 1); exit }'; }
is "no user waits for less than the last class" "$(longest 'evermx  resolver 5min+')" "$(longest 'evermx  users')"
has "shares over time" "Users without service, by time after the break; 1 of 2 hosts is dead" "$out"
has "its cost" "queries a second for this name at the servers" "$out"
is "nothing on stderr" "" "$err"
simulate "${few[@]}" --json two.json
cmp -s one.json two.json
is "the same seed, the same record" 0 $?
simulate "${few[@]}" --seed 2 --json two.json
cmp -s one.json two.json
is "another seed, another one" 1 $?
simulate --population people.yaml --kind kill --ttl 100s --json - "${few[@]}"
has "JSON instead of the table" '{"format": "evermx-drill 1"' "$out"
has "with what it takes to repeat it" '"ttl_s": 100' "$out"
has "and the curve" '"holding": [[' "$out"
simulate --population people.yaml --kind tls,554 "${few[@]}" --sender retries --hosts 4
is "what is predicted does not count as unnoticed" 0 "$status"
has "never" "evermx tls           25.00% 25.00%" "$out"
has "who goes on to the next is delayed" "Users who are delayed" "$out"

# ---- by a configuration ----

cat >evermx.yaml <<'X'
checks: {mine: {type: imap, interval: 60s}}
hosts: {mx1.example.test: {checks: [mine], fall: 1, interval: 10s}}
X
median() { # of the server's series
    printf '%s\n' "$out" | sed -n 's/^evermx  server, predicted *[0-9]* *\([0-9]*\).*/\1/p'
}
simulate --config evermx.yaml --check mine --kind kill "${few[@]}"
is "an interval of 60 s" 1 "$(($(median) >= 24 && $(median) <= 33))"
simulate --config evermx.yaml --check mine --host mx1.example.test --kind kill "${few[@]}"
is "one of 10 s" 1 "$(($(median) >= 4 && $(median) <= 6))"
simulate --config evermx.yaml --check mine --host mx1.example.test --kind kill --interval 1h "${few[@]}"
is "one of 1 h" 1 "$(($(median) >= 1400 && $(median) <= 2000))"

# ---- of what was measured ----

cat >measured.json <<'X'
{"format": "evermx-drill 1", "title": "t", "settings": {}, "series": [
{"system": "gdnsd", "kind": "kill", "place": "server", "name": "a", "phase": "left", "never": 0, "times_s": [7, 7, 7]},
{"system": "gdnsd", "kind": "kill", "place": "resolver", "name": "b", "phase": "left", "never": 0, "times_s": [9]},
{"system": "pdns", "kind": "hang", "place": "server", "name": "a", "phase": "left", "never": 2, "times_s": []}], "repetitions": []}
X
simulate --detection measured.json --population people.yaml --ttl 5s --draws 2000
is "of a record" 0 "$status"
has "7 s and some of 5" "gdnsd  resolver busy, predicted  1000    9." "$out"
has "of how few" "gdnsd kill            stands on 3 failures only" "$out"
has "what was never noticed" "pdns hang            50.00% 50.00%" "$out"
cat >two.json <<'X'
{"format": "evermx-drill 1", "title": "t", "settings": {}, "series": [
{"system": "s", "kind": "kill", "place": "server", "name": "a", "phase": "left", "never": 0, "times_s": [1, 1]},
{"system": "s", "kind": "kill", "place": "server", "name": "b", "phase": "left", "never": 0, "times_s": [9, 9]}], "repetitions": []}
X
simulate --detection two.json --population people.yaml --ttl 1s --draws 2000
is "two servers of a system: once" 3 "$(grep -c '^s kill' out)" # shares, 99 %, and of how few
is "each of them is asked by half of the users" 1 \
    "$(awk '/^s kill .*%/ { print ($5 > 22 && $5 < 28 && $6 < 1) }' FS='[ %]+' out)"
has "of the failures, which both servers saw" "s kill                stands on 2 failures only" "$out"
printf '{"format": "evermx-drill 1", "title": "t", "settings": {}, "series": [], "repetitions": []}' >none.json
simulate --detection none.json
is "a record without such times" 3 "$status"
has "is told" "none.json tells no time" "$err"

# ---- goals ----

simulate --population people.yaml --goal 'p99 < 15s' --kind kill,hang
is "a goal that can be met" 0 "$status"
has "is told with its plans" "p99 < 15 s is met by these" "$out"
simulate --goal 'p99<15' --kind kill
is "one that cannot" 1 "$status"
has "is told why" "sit behind resolvers that keep answers" "$out"

# ---- wrong ----

wrong() { # STATUS WORDS OPTION...
    local expected=$1 words=$2
    shift 2
    simulate "$@"
    is "$*" "$expected" "$status"
    has "$* is told" "$words" "$err"
}
wrong 2 "--kind: 'murder' is none of: kill, stop," --kind kill,murder
wrong 2 "--kind: 'kill' is given twice" --kind kill,kill
wrong 2 "--kind: '' is none of" --kind kill,
wrong 2 "--interval: 'often' is no duration" --interval often
wrong 2 "'interval': 1ms is out of range" --interval 1ms
wrong 2 "'interval': '2' needs a unit" --set interval=2
wrong 2 "no NAME=VALUE" --set intervall=2s
wrong 2 "--hosts: '1' is no whole number from 2 to 1000" --hosts 1
wrong 2 "--sender: 'waits' is none of: gives-up, retries" --sender waits
wrong 2 "--goal: 'soon' is no goal" --goal soon
wrong 2 "'1e9' is no duration from 1ms to 1d" --goal "p99 < 1e9"
wrong 2 "--ttl: '0.5' is no duration in whole seconds" --ttl 0.5
wrong 2 "--host: needs --config" --host mx1
wrong 2 "--check: there is no check 'ping'" --check ping
wrong 2 "'now' is no option" now
wrong 2 "--ttl: lacks its value" --ttl
wrong 2 "-x: is no option" -xh
wrong 2 "is no option" --often
wrong 2 "--detection: says nothing beside a --goal" --goal 'p99 < 1s' --detection measured.json
wrong 2 "--kind: says nothing beside a --detection" --detection measured.json --kind kill
wrong 2 "--interval: says nothing beside a --detection" --interval 3s --detection measured.json
wrong 2 "--ttl: says nothing beside a --goal" --goal 'p99 < 1s' --ttl 3s
wrong 2 "--interval: says nothing beside a --goal" --interval 3s --goal 'p99 < 1s'
wrong 2 "--set: the interval is what a --goal searches" --set interval=3s --goal 'p99 < 1s'
wrong 2 "nothing to keep or draw" --plot x.svg --goal 'p99 < 1s'
wrong 2 "--draws: '8' is no whole number from 1000 to" --draws 8
wrong 3 "cannot read the file" --population nowhere.yaml
wrong 3 "nowhere.json" --detection nowhere.json
sed 's/users: 1/users: most/' people.yaml >bad.yaml
wrong 3 "bad.yaml:3:25: error: 'users': 'most' is no whole number" --population bad.yaml

tell_counts
