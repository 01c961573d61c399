#!/bin/bash
# test_demo.sh - the demonstration as its users run it: to its end, interrupted, and with mail hosts that
# do not do what they should. About 45 seconds.
#
# EVERMX_BUILD   where the programs are, default build
#
# It needs the ports of zones/example.test.zone on 127.0.0.11 to .13, and must not run beside itself.

set -u
export LC_ALL=C
unset NO_COLOR

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
zone=$repository/zones/example.test.zone
work=$(mktemp -d) || exit 1
passed=0 failed=0

# Whatever a demonstration starts has its TMPDIR in the environment.
ours() {
    grep -lzxF "TMPDIR=$work" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3
}

clean_up() {
    local left
    left=$(ours)
    [ -z "$left" ] || kill -KILL $left 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

check() { # WHAT COMMAND...: its output is shown when it fails
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$what"
        [ -z "$output" ] || sed 's/^/        | /' <<<"$output"
    fi
}

# Runs to the end; status, seconds and the file `out` tell what came of it.
run() {
    local before=$SECONDS
    TMPDIR=$work "$build/demo" "$@" >"$work/out" 2>&1
    status=$?
    seconds=$((SECONDS - before))
}

has_status() {
    [ "$status" -eq "$1" ] || { echo "status $status, not $1"; cat "$work/out"; return 1; }
}

says() { # a regular expression for a whole line
    grep -qxE -- "$1" "$work/out" || { echo "no line like: $1"; cat "$work/out"; return 1; }
}

says_not() {
    ! grep -E -- "$1" "$work/out"
}

others_stay() {
    ! sed -n '/^2  /,/^4  /p' "$work/out" | grep -E '(MX|smtp.example.test A) .* - '
}

# All of these, in this order.
says_in_order() {
    local numbers
    numbers=$(for line in "$@"; do grep -nxE -m 1 -- "$line" "$work/out" | cut -d : -f 1 | grep . || echo 0; done)
    [ "$numbers" = "$(sort -n <<<"$numbers")" ] && ! grep -qx 0 <<<"$numbers" ||
        { echo "not in this order:" $numbers; cat "$work/out"; return 1; }
}

nothing_is_left() {
    local left i
    for i in {1..50}; do # the kernel needs a moment for those of one that was killed
        left=$(ours)
        [ -z "$left" ] && break
        sleep 0.1
    done
    [ -z "$left" ] || { ps -o pid,stat,args -p $(tr '\n' , <<<"$left" | sed 's/,$//'); return 1; }
}

no_files_are_left() {
    ! ls -d "$work"/evermx-demo.* 2>/dev/null
}

# ---- to its end ----

test_whole() {
    local row='^ *[0-9]+\.[0-9]{2} s  '
    run "$zone"
    check "it exits with 0" has_status 0
    check "it takes less than 60 s" [ "$seconds" -lt 60 ]
    check "piped, there is no control character" says_not $'[\001-\010\013-\037]'
    check "the whole MX answer" says "${row#^}example.test MX +10 mx1 +10 mx2 +20 mx3 +TTL 10 s"
    check "a host without IMAP leaves imap" says "${row#^}imap.example.test A +127.0.0.11 +127.0.0.12 +- +TTL 10 s"
    check "... and no other answer" others_stay
    check "a host that hangs leaves the MX answer" says "${row#^}example.test MX +- +10 mx2 +20 mx3 +TTL 10 s"
    check "... and the shared name" says "${row#^}smtp.example.test A +- +127.0.0.12 +127.0.0.13 +TTL 10 s"
    check "a host that was killed leaves the MX answer" says "${row#^}example.test MX +- +- +20 mx3 +TTL 10 s"
    check "evermxctl explains" says ' *127.0.0.11@2525 smtp: DOWN for .*'
    check "all dead are all answered, for a short time" says "${row#^}example.test MX +10 mx1 +10 mx2 +20 mx3 +TTL [1-5] s"
    check "no answer is ever empty" says_not '(MX|A) +- +- +-'
    check "the return, one by one" says_in_order "${row#^}example.test MX +- +10 mx2 +- +TTL .*" \
        "${row#^}example.test MX +10 mx1 +10 mx2 +- +TTL .*" ' *[0-9.]+ s  the answers are whole again'
    for step in 'start' 'IMAP of mx3 dies' 'IMAP of mx3 returns' 'mx1 hangs' 'mx2 is killed' \
        'mx3 is killed: all dead' 'mx2 returns' 'mx1 returns' 'mx3 returns'; do
        check "the table has: $step" says " *[1-9]  $step +[0-9]+\.[0-9]{2} s +([0-9]+\.[0-9] s +)?ok"
    done
    check "its last word" says 'all 9 steps happened, in [0-9.]+ s'
    check "no process is left" nothing_is_left
    check "no file is left" no_files_are_left
}

# ---- not to its end ----

interrupt() { # SIGNAL: once the first steps have happened
    local i
    : >"$work/out"
    TMPDIR=$work "$build/demo" "$zone" >"$work/out" 2>&1 &
    pid=$!
    for i in {1..150}; do
        grep -q 'opens its IMAP' "$work/out" && break
        sleep 0.1
    done
    kill "-$1" "$pid"
    wait "$pid" 2>/dev/null
    status=$?
}

test_interrupted() {
    interrupt INT
    check "SIGINT: its status" has_status 130
    check "SIGINT: its last word" says 'interrupted; all that was started is ended'
    check "SIGINT: no process is left" nothing_is_left
    check "SIGINT: no file is left" no_files_are_left
    interrupt TERM
    check "SIGTERM: its status" has_status 143
    check "SIGTERM: no process is left" nothing_is_left
    interrupt KILL
    check "SIGKILL: no process is left" nothing_is_left
    rm -rf "$work"/evermx-demo.*
}

# ---- mail hosts that are not as they should be ----

test_host_does_not_start() {
    run --mailhost /bin/false "$zone"
    check "a mail host that does not start: status 1" has_status 1
    check "... is named" says '.* FAILED: mx1 did not start: it has ended'
    check "... nothing is left" nothing_is_left
}

# A host that says that it does what it is told, and does not.
test_step_does_not_happen() {
    cat >"$work/deaf" <<-END
	#!/bin/sh
	"$build/mailhost" "\$@" </dev/null &
	while read -r line; do echo ok; done
	END
    chmod +x "$work/deaf"
    run --deadline 3 --mailhost "$work/deaf" "$zone"
    check "a step that does not happen: status 1" has_status 1
    check "... its row" says '  2  IMAP of mx3 dies +FAILED'
    check "... the next one" says '  3  IMAP of mx3 returns +not reached'
    check "... what was expected" says ' expected  imap.example.test A +mx1 +mx2 +- +any TTL'
    check "... what was seen" says ' +seen  imap.example.test A +127.0.0.11 +127.0.0.12 +127.0.0.13 +TTL 10 s'
    check "... where the logs are" says "step 2 did not happen; the logs are in $work/evermx-demo\..*"
    check "... they are there" [ -s "$(sed -n 's/.*the logs are in //p' "$work/out")/evermxd.log" ]
    check "... nothing runs" nothing_is_left
}

test_usage() {
    run
    check "no zone: status 2" has_status 2
    run /nonexistent
    check "a zone that is not there: status 1" has_status 1
    check "... is named" says 'demo: /nonexistent: No such file or directory'
    check "... no file is left" no_files_are_left
}

for test in test_usage test_host_does_not_start test_step_does_not_happen test_interrupted test_whole; do
    $test
    rm -rf "$work"/evermx-demo.*
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
