#!/bin/bash
# test_load.sh - the load generator against evermxd and against an echo that loses and spoils: its
# counts, its bounds, its words; and bench.sh, which is made with it. About 15 seconds.
#
# EVERMX_BUILD   where the programs are, default build

set -u
LC_ALL=C
export LC_ALL

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
load=$build/load
work=$(mktemp -d) || exit 1
cd "$work" || exit 1
. "$repository/tests/support/started.sh"

holds() { # WHAT CONDITION OF NUMBERS
    is "$1 ($2)" 1 "$(awk "BEGIN { print ($2) ? 1 : 0 }")"
}

# Runs it; also sets the values of a brief line as variables.
load() {
    local pair
    sent='' right='' wrong='' lost='' stray='' seconds='' qps='' p50_us='' p99_us='' server_ns=''
    run "$load" "$@"
    for pair in $out; do
        case $pair in [a-z]*=[0-9]*) printf -v "${pair%%=*}" %s "${pair#*=}" ;; esac
    done
}

start_server() {
    port=$(free_port)
    server=127.0.0.1@$port
    cat >evermx.yaml <<-END
	server: {listen: ["$server"], workers: 1, control: $work/control.sock, probing: off}
	zones: [$repository/zones/example.test.zone]
	END
    start_ready log "$build/evermxd" -c evermx.yaml || fail "evermxd starts: $(<log)"
    server_pid=$pid
}

start_echo() { # OPTION...: sets echo, echo_pid
    port=$(free_port)
    echo=127.0.0.1@$port
    start_ready echo.log "$load" --echo "$@" "$echo" || fail "the echo starts: $(<echo.log)"
    echo_pid=$pid
}

counter() { # KEY: what evermxd counted
    "$build/evermxctl" -s control.sock --json status | sed -n "s/^ *\"$1\": \([0-9]*\),*/\1/p" | head -n 1
}

# ---- a server that is as it should be ----

test_counts_agree() {
    start_server
    for how in "udp" "tcp -t" "tcp -t -c 8 -w 16"; do
        set -- $how
        before=$(counter "$1")
        load -b -n 5000 "${@:2}" "$server"
        is "$how: status" 0 "$status"
        is "$how: sent, right, wrong, lost, stray" "5000 5000 0 0 0" "$sent $right $wrong $lost $stray"
        is "$how: as many as evermxd counts" 5000 $(($(counter "$1") - before))
        holds "$how: latencies" "0 < $p50_us && $p50_us <= $p99_us && $p99_us < $seconds * 1e6"
    done
    is "evermxd's metrics agree" "$(counter udp)" "$("$build/evermxctl" -s control.sock metrics |
        awk '/^evermx_dns_queries_total{transport="udp"/ { sum += $2 } END { print sum }')"
    load -b -l 0.4 -u 0.1 --train 16 -p "$server_pid" "$server"
    is "a time: wrong" 0 "$wrong"
    is "a time: each one is counted" "$sent" $((right + lost))
    holds "a time: it is kept" "$seconds >= 0.4 && $seconds < 0.6"
    holds "a time: the rate is what came in it" "$qps * $seconds > $right * 0.99 && $qps * $seconds < $right * 1.01"
    holds "a time: the server's CPU time" "$server_ns > 100 && $server_ns < 1e6"
}

test_rate() {
    load -b -l 1 -u 0.1 -r 2000 "$server"
    holds "a rate" "$sent >= 1900 && $sent <= 2002"
    is "a rate: all right" "0 $sent" "$status $right"
    load -b -l 0.5 -u 0 -r 500 -t -c 4 "$server"
    holds "a rate, TCP" "$sent >= 200 && $sent <= 252"
}

test_files() {
    printf '%s\n' 'example.test MX NOERROR' 'mx1.example.test A' 'nx.example.test A NXDOMAIN' \
        'example.test HINFO NODATA' 'elsewhere.test A REFUSED' >queries
    load -b -n 1000 -f queries "$server"
    is "a file" "0 1000" "$status $right"
    printf '%s\n' 'example.test MX NOERROR' 'example.test MX NXDOMAIN' 'nx.example.test A' \
        'example.test HINFO NOERROR' 'elsewhere.test A' >queries
    load -n 1000 -f queries "$server"
    is "wrong answers: status" 1 "$status"
    has "wrong answers" "right          400 " "$out"
    has "wrong answers" "wrong          600" "$out"
    has "wrong rcodes" "400  with another rcode" "$out"
    has "no records" "200  without an answer record" "$out"
    has "rcodes are counted" "600 NOERROR, 200 NXDOMAIN, 200 REFUSED" "$out"
}

# ---- servers that are not ----

test_losses_and_nonsense_are_seen() {
    start_echo --drop 10
    load -b -n 5000 --unchecked --timeout 0.2 "$echo"
    is "losses" "1 5000 4500 0 500" "$status $sent $right $wrong $lost"
    load -b -n 500 -t -c 4 -w 8 --unchecked --timeout 0.2 "$echo"
    is "losses, TCP" "1 500 450 0 50" "$status $sent $right $wrong $lost"
    start_echo --spoil 7
    load -b -n 7000 --unchecked "$echo"
    is "another question" "1 7000 6000 1000 0" "$status $sent $right $wrong $lost"
    load -n 70 "$echo" # it says NOERROR, with a record
    is "an echo is no server" 1 "$status"
    kill "$echo_pid"
    wait "$echo_pid"
    is "the echo ends well" 0 $?
}

# Stopped in the midst, a server has losses at a rate that goes on.
test_stall_is_seen() {
    start_echo
    (sleep 0.3; kill -STOP "$echo_pid"; sleep 0.4; kill -CONT "$echo_pid") &
    load -b -l 1 -u 0 -r 1000 --timeout 5 --unchecked "$echo"
    wait $!
    is "a stall: nothing is lost" "0 $sent" "$status $right"
    holds "a stall: in the latencies" "$p99_us > 200000 && $p50_us < 100000"
}

test_nobody_is_there() {
    port=$(free_port)
    load "127.0.0.1@$port"
    is "UDP: status" 3 "$status"
    has "UDP" "nobody listens there" "$err"
    is "UDP: no report" "" "$out"
    load -t "127.0.0.1@$port"
    is "TCP: status" 3 "$status"
    has "TCP" "Connection refused" "$err"
    load --cpu 0 --seconds 0.1 -p 4194304 -b "$server"
    holds "nobody's CPU time" "${server_ns:-0} == 0"
}

test_usage() {
    local line
    while IFS='|' read -r line words; do
        load $line
        is "load $line: status" 2 "$status"
        has "load $line" "$words" "$err"
    done <<-END
	|no ADDRESS@PORT
	127.0.0.1@1 127.0.0.1@2|more than one ADDRESS@PORT
	localhost|'localhost' is no ADDRESS@PORT
	192.0.2.1@53|is no loopback address
	2001:db8::1|is no loopback address
	--beyond-loopback 192.0.2.1|takes a --rate of at most 10000
	--beyond-loopback --rate 20000 192.0.2.1|takes a --rate of at most 10000
	--beyond-loopback --rate 10 --seconds 61 192.0.2.1|takes a --rate of at most 10000
	--echo --beyond-loopback 0.0.0.0@53|an echo answers forged queries
	--window 0 127.0.0.1|'0' is no number from 1 to 4096
	--sockets 1.5 127.0.0.1|'1.5' is no whole number
	--seconds x 127.0.0.1|'x' is no number
	--train 4 --tcp 127.0.0.1|--train is for UDP
	--train 64 127.0.0.1|longer than the --window
	--file q --mix z 127.0.0.1|one or the other
	--file $work/none 127.0.0.1|none: No such file
	--nonsense 127.0.0.1|nonsense
	END
    load --help
    is "--help" 0 "$status"
    for line in $(grep -oE -- '--[a-z-]+' <<<"$out" | sort -u); do
        has "the manual has $line" "Fl -${line#--}" "$(<"$repository/tools/load.1")"
    done
}

# ---- what it is made for ----

test_bench() {
    local out
    mkdir tmp
    out=$(TMPDIR=$work/tmp EVERMX_BUILD=$build "$repository/tests/bench/bench.sh" -r 1 -z 20 -d 300 2>&1)
    is "bench: status" 0 $?
    for words in "1 zone" "20 zones" "300 by template"; do
        is "bench: $words" 1 "$(grep -cE "^│ +$words │ +[0-9.]+ +[0-9.]+ │ +[0-9,]+[* ] +[0-9,]+ +[0-9.]+ │ " <<<"$out")"
    done
    has "bench: its counts" "right answers, 0 wrong, " "$out"
    is "bench: no file is left" "" "$(ls tmp)"
    is "bench: no process is left" "" "$(grep -lzxF "TMPDIR=$work/tmp" /proc/[0-9]*/environ 2>/dev/null)"
    "$repository/tests/bench/bench.sh" -z none 2>err
    is "bench: wrong usage" 2 $?
    has "bench: wrong usage" "usage: tests/bench/bench.sh" "$(<err)"
}

test_counts_agree
test_rate
test_files
test_losses_and_nonsense_are_seen
test_stall_is_seen
test_nobody_is_there
test_usage
test_bench
tell_counts
