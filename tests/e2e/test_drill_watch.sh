#!/bin/bash
# test_drill_watch.sh - `evermx-drill watch` with evermxd, a real resolver where lab.sh can run one (as root), a plain
# NSD where there is one, and a host that dies: experiments, watching alone, and every way out. About 40 seconds.
#
# EVERMX_BUILD   where the programs are, default build
set -u
LC_ALL=C
export LC_ALL
cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
build=$(cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
export LAB_CACHE=${LAB_CACHE:-$PWD/build/lab} LAB_DIR=${LAB_DIR:-$build/lab/test_drill_watch.sh}
PATH=$LAB_CACHE/trees/bin:$PATH:/usr/sbin
work=$(mktemp -d) || exit 1
readonly DEADLINE_S=10
. tests/support/started.sh
[ "$EUID" != 0 ] || trap 'tests/e2e/lab.sh cleanup; clean_up' EXIT
smtp=$(free_port) unused=$(free_port)
readonly SERVER=127.0.0.1@$(free_port) NSD=127.0.0.1@$(free_port) RESOLVER=127.7.22.3@$(free_port)
readonly HOST=127.7.22.1@$smtp OTHER=127.7.22.2@$smtp NOBODY=127.0.0.1@$unused
readonly TTL=2

readonly mx1=(--name example.test --host mx1.example.test)
# What nothing happens to.
readonly mx2=(--server "$SERVER" --name mx2.example.test --type A --host "${OTHER%@*}")

# `drill NAME OPTION...` leaves NAME.out, NAME.err and NAME.status.
drill() {
    local name=$1
    shift
    timeout --kill-after=5 100 "$build/evermx-drill" watch "$@" \
        >"$work/$name.out" 2>"$work/$name.err" </dev/null
    echo $? >"$work/$name.status"
}
status_of() { cat "$work/$1.status"; }
of() { jq -r "$2" "$work/$1.json"; } # NAME FILTER
tell() { "$build/mailhost" --tell "$work/mailhost.sock" "${HOST%@*} $1"; }
answers() { kdig @"${1%@*}" -p "${1#*@}" +short +time=1 +retry=0 example.test MX | grep -q mx1; }

# ---- what there is ----

printf '%s\n' '$ORIGIN example.test.' "\$TTL $TTL" '@ SOA ns1 h 1 3600 600 86400 2' '@ NS ns1' 'ns1 A 127.0.0.1' \
    '@ MX 10 mx1' '@ MX 10 mx2' "mx1 A ${HOST%@*}" "mx2 A ${OTHER%@*}" >"$work/example.zone"
cat >"$work/evermx.yaml" <<END
server: {listen: ["$SERVER"], control: $work/control.sock}
zones: [example.zone]
checks: {smtp: {port: ${HOST#*@}, interval: 500ms, hold: 0s, slow-start: 0s, rise: 1}}
policies: [{match: "example.test MX", ttl: ${TTL}s}]
END
cat >"$work/nsd.conf" <<END
server:
    ip-address: $NSD
    username: ""
    zonesdir: "$work"
    pidfile: "$work/nsd.pid"
    xfrdfile: "$work/xfrd.state"
    zonelistfile: "$work/zone.list"
    database: ""
remote-control:
    control-enable: no
zone:
    name: example.test
    zonefile: example.zone
END
start_ready "$work/mailhost.log" "$build/mailhost" --listen "smtp:$HOST" --listen "smtp:$OTHER" --control "$work/mailhost.sock"
start_ready "$work/evermxd.log" "$build/evermxd" -c "$work/evermx.yaml"
resolver=()
[ "$EUID" != 0 ] || ! tests/e2e/lab.sh start unbound cache "${RESOLVER%@*}" "${RESOLVER#*@}" "$SERVER" example.test \
    >/dev/null || resolver=(--resolver "$RESOLVER")
nsd=
! command -v nsd >/dev/null || nsd=yes
if [ -n "$nsd" ]; then
    nsd -d -c "$work/nsd.conf" >"$work/nsd.log" 2>&1 </dev/null &
    started+=($!)
fi
within answers "$SERVER" || echo "evermxd does not answer"

# ---- an experiment, and meanwhile those in which nothing really breaks ----

drill whole "${mx1[@]}" --server "$SERVER" "${resolver[@]}" --probe "smtp@$HOST" --reps 3 --settle 0.5 --spread 2 --seed 7 \
    --system evermx --kind refuse --json "$work/whole.json" \
    --break "echo x >>$work/breaks; $build/mailhost --tell $work/mailhost.sock '${HOST%@*} refuse'" \
    --mend "echo x >>$work/mends; $build/mailhost --tell $work/mailhost.sock '${HOST%@*} ok'" &
whole=$!

quickly=(--settle 0.1 --spread 0.1 --reps 2)
if [ -n "$nsd" ] && within answers "$NSD"; then
    drill never "${mx1[@]}" --server "$NSD" "${quickly[@]}" --patience 3 --json - --break "touch $work/never.broken" \
        --mend "rm $work/never.broken"
    is "NSD never notices: status" 1 "$(status_of never)"
    is "NSD never notices: counted" "2 0" "$(jq -r '.series[0] | "\(.never) \(.times_s | length)"' "$work/never.out")"
    is "NSD never notices: as a server's" "server left" "$(jq -r '.series[0] | "\(.place) \(.phase)"' "$work/never.out")"
    is "NSD never notices: mended" no "$([ -e "$work/never.broken" ] && echo yes || echo no)"
else
    skip "no NSD: as root, tests/e2e/lab.sh fetch"
fi
# A host that lives on, and a command that only says that it broke it.
stopped_by() { # NAME SIGNAL
    "$build/evermx-drill" watch "${mx2[@]}" "${quickly[@]}" \
        --break "touch $work/$1.broken" --mend "sleep 0.2; rm $work/$1.broken" \
        >"$work/$1.out" 2>"$work/$1.err" </dev/null &
    local pid=$!
    disown "$pid"
    started+=("$pid")
    within test -e "$work/$1.broken"
    is "$1: it was broken" yes "$([ -e "$work/$1.broken" ] && echo yes)"
    kill -"$2" "$pid"
    within test ! -e "$work/$1.broken"
    is "$1: it was mended" no "$([ -e "$work/$1.broken" ] && echo yes || echo no)"
}
stopped_by terminated TERM
within grep -q 'ended after' "$work/terminated.err"
is "SIGTERM: told" 1 "$(grep -c 'ended after 0 of 2 repetitions: interrupted' "$work/terminated.err")"
stopped_by hung-up HUP
stopped_by killed KILL

# Ctrl-Z: the host is mended before it stops, and broken again when it goes on. In a job of its own, as in a shell.
drill_state() { sed 's/.*) \(.\) .*/\1/' "/proc/$1/stat" 2>/dev/null; }
is_stopped() { [ "$(drill_state "$1")" = T ]; }
set -m
"$build/evermx-drill" watch "${mx2[@]}" --settle 100ms --spread 100ms --reps 1 --patience 60s --json "$work/paused.json" \
    --break "echo x >>$work/paused.breaks; touch $work/paused.broken" --mend "sleep 0.2; rm $work/paused.broken" \
    >"$work/paused.out" 2>"$work/paused.err" </dev/null &
paused=$!
set +m
started+=("$paused")
within test -e "$work/paused.broken"
kill -TTOU "$paused"
kill -TSTP "$paused"
within is_stopped "$paused"
is "Ctrl-Z: it stopped, and mended the host first" "T mended" \
    "$(drill_state "$paused") $([ -e "$work/paused.broken" ] && echo broken || echo mended)"
is "Ctrl-Z: told" 1 "$(grep -c 'stops when the host is mended; this failure is made again later' "$work/paused.err")"
rm -f "$work/paused.broken"
kill -CONT "$paused"
within test -e "$work/paused.broken"
is "Ctrl-Z: it went on" 2 "$(wc -l <"$work/paused.breaks")"
kill -INT "$paused"
wait "$paused"
is "Ctrl-Z, Ctrl-C: status, mended" "0 mended" "$? $([ -e "$work/paused.broken" ] && echo broken || echo mended)"
is "Ctrl-Z: the failure that was cut short is in no record" 1 "$(jq '.repetitions | length' "$work/paused.json")"

# The status after an interrupt is that of what is there; a host that stays broken is worse.
interrupted_when() { # NAME there|gone MEND: what its file is then; sets status
    local name=$1 there=$2 pid
    "$build/evermx-drill" watch "${mx2[@]}" --settle 100ms --spread 100ms --reps 2 --patience 1s \
        --break "touch $work/$name.broken" --mend "$3" >"$work/$name.out" 2>"$work/$name.err" </dev/null &
    pid=$!
    started+=("$pid")
    within test -e "$work/$name.broken"
    [ "$there" = there ] || within test ! -e "$work/$name.broken"
    kill -INT "$pid"
    wait "$pid"
    status=$?
}
interrupted_when early there "rm $work/early.broken"
is "interrupted while it is broken: status" 0 "$status"
interrupted_when late gone "rm $work/late.broken; sleep 0.5"
is "interrupted when it was never noticed, and is mended: status" 1 "$status"
interrupted_when lasting there "exit 5"
is "interrupted, and cannot be mended: status" 3 "$status"
is "interrupted, and cannot be mended: told" 1 "$(grep -c 'MAY STILL BE BROKEN' "$work/lasting.err")"

drill failing "${mx2[@]}" "${quickly[@]}" --break "touch $work/failing.broken; echo it is so >&2; exit 4" \
    --mend "rm $work/failing.broken"
is "a break that fails: status" 3 "$(status_of failing)"
is "a break that fails: told" 1 "$(grep -c 'the command that breaks has failed: its exit status was 4' "$work/failing.err")"
is "a break that fails: what it said" 1 "$(grep -c '  | it is so' "$work/failing.err")"
is "a break that fails: mended" no "$([ -e "$work/failing.broken" ] && echo yes || echo no)"
drill unmendable "${mx2[@]}" "${quickly[@]}" --patience 1 --break true --mend "exit 5"
is "a mend that fails: status" 3 "$(status_of unmendable)"
is "a mend that fails: told" 1 "$(grep -c 'MAY STILL BE BROKEN' "$work/unmendable.err")"
drill nobody "${mx1[@]}" --server "$NOBODY" --seconds 0.5
is "nobody there: status" 3 "$(status_of nobody)"
drill absent --server "$SERVER" --host mx7.example.test --name nothing.example.test --seconds 0.5
is "NXDOMAIN is told loudly" 1 "$(grep -c 'WARNING: server .* with NXDOMAIN: mail BOUNCES' "$work/absent.err")"
is "NXDOMAIN: the host was in no answer" 3 "$(status_of absent)"
drill misspelt --server "$SERVER" --host mx7.example.test --name example.test --seconds 0.5
is "a host in no answer: status" 3 "$(status_of misspelt)"
is "a host in no answer: told" 1 "$(grep -c 'mx7.example.test was in no answer to the MX of example.test' "$work/misspelt.err")"
drill half "${mx2[@]}" --server "$NOBODY" --settle 0.1 --patience 0.5 --seconds 20 --break true --mend true
is "a server is dead at the start: status" 3 "$(status_of half)"
is "a server is dead at the start: told" 1 "$(grep -c "nothing to break: server $NOBODY" "$work/half.err")"
drill twice "${mx2[@]}" --server "$SERVER" --seconds 0.5
is "a server twice: status" 2 "$(status_of twice)"
many=()
for i in {1..60}; do many+=(--resolver "127.7.22.$i@$unused"); done
drill many "${mx2[@]}" "${many[@]}" --seconds 0.5
is "60 resolvers: status" 0 "$(status_of many)"
drill idle "${mx2[@]}" --reps 3 --seconds 0.5
is "--reps alone: status, told" "2 1" "$(status_of idle) $(grep -c 'reps: says nothing without --break' "$work/idle.err")"
drill unknown "${mx2[@]}" --often 3
is "an unknown option is named" 1 "$(grep -c -e '--often: is no option' "$work/unknown.err")"
drill usage "${mx2[@]}" --break true
is "--break alone: status" 2 "$(status_of usage)"
"$build/evermx-drill" watch --help >"$work/help"
is "--help" 0 $?

wait "$whole"
is "the experiment: status" 0 "$(status_of whole)"
is "the experiment: commands" "3 3" "$(wc -l <"$work/breaks") $(wc -l <"$work/mends")"
is "the experiment: failures and returns" "failure return failure return failure return" \
    "$(of whole '[.repetitions[].turn] | join(" ")')"
series() { # PLACE PHASE FILTER
    of whole ".series[] | select(.place == \"$1\" and .phase == \"$2\" and .kind == \"refuse\" and .never == 0) | .times_s | $3"
}
# A probe each half a second, one re-check; then the TTL. Machines are slow at times.
is "the host was seen dead" "3 true" "$(series host evidence '"\(length) \(all(. >= 0 and . < 3))"')"
is "the server changed" "3 true" "$(series server left '"\(length) \(all(. >= 0 and . < 4))"')"
is "the server took it back" "3 true" "$(series server back '"\(length) \(all(. > 0 and . < 4))"')"
is "the table: left, back" 2 "$(grep -c "server $SERVER .* 3 " "$work/whole.out")"
if [ ${#resolver[@]} -gt 0 ]; then
    is "the resolver changed" "3 true" "$(series resolver left "\"\(length) \(all(. >= 0 and . < 4 + $TTL + 2))\"")"
    is "the resolver took it back" "3 true" "$(series resolver back "\"\(length) \(all(. > 0 and . < 4 + $TTL + 2))\"")"
    is "the resolver was no faster than its server" true "$(of whole '[.repetitions[] | .marks
        | (.[] | select(.place == "resolver")).time_s > (.[] | select(.place == "server")).after_s] | all')"
    is "the resolver kept to the TTL" 1 "$(grep -c "^resolver .*: not longer than the TTL of $TTL s" "$work/whole.out")"
else
    skip "no resolver: needs root"
fi

# ---- watching alone ----

"$build/evermx-drill" watch "${mx1[@]}" --server "$SERVER" --probe "smtp@$HOST" --json "$work/alone.json" \
    >"$work/alone.out" 2>"$work/alone.err" </dev/null &
alone=$!
sleep 2.5 # good probes
tell hang >/dev/null
within grep -q 'failure 1: server .* answers without mx1.example.test, ' "$work/alone.out"
tell ok >/dev/null
within grep -q 'return 1: server' "$work/alone.out"
kill -INT "$alone"
wait "$alone"
is "watching: status" 0 $?
is "watching: told as it happened" "1 1 1 1" "$(for what in 'failure 1: host .* is bad' 'failure 1: server' \
    'return 1: host .* is good' 'return 1: server .* answers with mx1'; do grep -c "$what" "$work/alone.out"; done | paste -sd' ')"
is "watching: from the last good evidence" "evidence evidence" "$(of alone '[.repetitions[].from] | join(" ")')"
is "watching: sane times" true "$(of alone '.series | length >= 3 and all(.[]; .times_s[0] >= 0 and .times_s[0] < 8)')"

# One who reads a line and goes.
timeout --kill-after=5 30 "$build/evermx-drill" watch "${mx1[@]}" --server "$SERVER" --probe "smtp@$HOST" \
    2>"$work/unread.err" </dev/null | head -1 >"$work/unread.out" &
unread=$!
sleep 2.5
tell refuse >/dev/null
within grep -q 'failure 1: ' "$work/unread.out"
sleep 1
tell ok >/dev/null
wait "$unread"
is "watching: ends when nobody reads on" 1 "$(grep -c 'writing to standard output failed' "$work/unread.err")"

tell_counts
