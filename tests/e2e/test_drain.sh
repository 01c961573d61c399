#!/bin/bash
# test_drain.sh - evermxctl drain --wait, against evermxd with two mail hosts that live, and a real resolver that is
# asked all the while: when a host is said to be safe to stop, the resolver has forgotten it.
#
# EVERMX_BUILD   where the programs are, default build
#
# All on loopback and high ports, in a directory of its own. Without unbound its part is skipped.

set -u
LC_ALL=C
export LC_ALL
unset EVERMX_CONTROL JOURNAL_STREAM

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
chmod 755 "$work"
cd "$work" || exit 1

readonly RUN_S=40
. "$repository/tests/support/started.sh"

ctl() {
    run "$build/evermxctl" -s control.sock "$@"
}

# ---- the stage ----

SMTP=$(free_port) DNS=$(free_port) RESOLVER=$(free_port)
readonly SMTP DNS RESOLVER

mx_of() { # PORT
    kdig @127.0.0.1 -p "$1" +timeout=2 +retry=1 +short example.test MX 2>/dev/null | sort | tr '\n' ' '
}

answers() { # PORT EXPECTED
    [ "$(mx_of "$1")" = "$2" ]
}

readonly both="10 mx1.example.test. 20 mx2.example.test. "

write_configuration() { # TTL
    cat >evermx.yaml <<YAML
server: {listen: ["127.0.0.1@$DNS"], control: $work/control.sock}
zones: [example.zone]
checks: {smtp: {port: $SMTP, hold: 0s, slow-start: 0s}}
policies: [{match: example.test MX, ttl: $1}]
YAML
}

start_daemon() {
    start_ready daemon.log "$build/evermxd" -c evermx.yaml
    daemon=$pid
    disown "$daemon" # it is killed at the end, without a word
    within known_up || { fail "start: $(<daemon.log)"; exit 1; }
}

known_up() {
    [ "$("$build/evermxctl" -s control.sock status 2>/dev/null | grep -c ' smtp *up ')" = 2 ] && answers "$DNS" "$both"
}

start_hosts() {
    start_ready hosts.log "$build/mailhost" --listen "smtp:127.77.3.11@$SMTP" --listen "smtp:127.77.3.12@$SMTP" \
        --control hosts.sock || { fail "mail hosts: $(<hosts.log)"; exit 1; }
}

start_unbound() {
    cat >unbound.conf <<CONF
server:
    interface: 127.0.0.1
    port: $RESOLVER
    do-daemonize: no
    do-not-query-localhost: no
    use-syslog: no
    username: ""
    chroot: ""
    directory: "$work"
    pidfile: ""
    module-config: "iterator"
    local-zone: "test." nodefault
remote-control:
    control-enable: no
stub-zone:
    name: "example.test"
    stub-addr: 127.0.0.1@$DNS
CONF
    unbound -c unbound.conf >unbound.log 2>&1 </dev/null &
    started+=("$!")
    within answers "$RESOLVER" "$both" || { fail "unbound: $(<unbound.log)"; exit 1; }
}

cat >example.zone <<'ZONE'
$ORIGIN example.test.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 5
@ NS ns
ns A 127.0.0.53
@ MX 10 mx1
@ MX 20 mx2
mx1 A 127.77.3.11
mx2 A 127.77.3.12
ZONE

# ---- tests ----

# It is asked ten times a second, so that it has fetched the old answer at the last moment there was.
watch_resolver() {
    while answers_something; do
        printf '%s %s\n' "$(date +%s.%N)" "$seen"
        sleep 0.1
    done >seen.log
}

answers_something() {
    seen=$(mx_of "$RESOLVER")
    [ -n "$seen" ]
}

test_waits_until_nobody_holds_it() {
    local watcher='' done_s held_s
    if command -v unbound >/dev/null && command -v kdig >/dev/null; then
        start_unbound
        watch_resolver &
        watcher=$!
        started+=("$watcher")
        sleep 1
    fi
    ctl drain mx1.example.test --wait
    done_s=$(date +%s.%N)
    is "--wait" 0 "$status"
    is "--wait" "mx1.example.test: drain (1 target)" "$(sed -n 1p <<<"$out")"
    has "--wait tells where it is" "resolvers may hold mx1.example.test for 7 s more, until " "$out"
    is "--wait tells the end" "drain finished: safe to stop mx1.example.test now" "$(tail -n 1 <<<"$out")"
    is "one line while it waits" 3 "$(wc -l <<<"$out")"
    lacks "no terminal, no cursor" $'\033' "$out"
    is "the server's own answer" "20 mx2.example.test. " "$(mx_of "$DNS")"
    if [ -z "$watcher" ]; then
        skip "no unbound here"
        return
    fi
    is "the resolver's answer" "20 mx2.example.test. " "$(mx_of "$RESOLVER")"
    kill "$watcher"
    held_s=$(grep mx1 seen.log | tail -n 1 | cut -d' ' -f1)
    is "the resolver had it" 1 "$(awk -v held="$held_s" -v end="$done_s" 'BEGIN { print (held > 0) }')"
    is "and forgot it before it was said to" 1 "$(awk -v held="$held_s" -v end="$done_s" 'BEGIN { print (held < end) }')"
    # Not much later than it had to: the TTL of 4 s, which counts as 5 s, 1.5 s that are added, and some to ask and start.
    is "no longer than needed" 1 "$(awk -v held="$held_s" -v end="$done_s" 'BEGIN { print (end - held < 4) }')"
}

test_it_is_told() {
    ctl drained mx1.example.test
    is "drained" 0 "$status"
    is "drained" "drain finished: safe to stop mx1.example.test now" "$out"
    ctl events
    has "events" "mx1.example.test 127.77.3.11 port $SMTP smtp: out of the answers of 1 pool by an operator's command; resolvers may hold it until " "$out"
    soon "the event of the end" finished_event
    ctl status
    has "status" "ago: mx1.example.test smtp, drained by an operator; out of all honest resolvers" "$out"
    has "status" "    out of honest resolvers     6.5s  ====" "$out"
    ctl metrics
    has "metrics" 'evermx_failover_seconds_bucket{phase="resolvers",cause="drain",le="8"} 1' "$out"
    has "metrics" 'evermx_failover_seconds_bucket{phase="resolvers",cause="drain",le="4"} 0' "$out"
    has "metrics" 'evermx_failovers_total{kind="left",cause="drain"} 1' "$out"
    if command -v promtool >/dev/null; then
        is "promtool" "" "$(promtool check metrics <<<"$out" 2>&1 | grep -i 'error\|failover\|return')"
    fi
}

finished_event() {
    "$build/evermxctl" -s control.sock events | grep -q 'mx1.example.test: drain finished: safe to stop mx1.example.test now'
}

test_the_other_cannot_go() {
    ctl drain mx2.example.test --wait
    is "both" 1 "$status"
    has "both" "not safe to stop mx2.example.test: it is still answered" "$out"
    has "both" "example.test MX (mx2.example.test): nothing better is there, or it is not probed" "$out"
    ctl drained mx1.example.test # it is answered again
    is "both" 1 "$status"
    ctl status
    has "both" "drained by an operator; answered all the same: nothing better is there" "$(tr -s ' \n' ' ' <<<"$out")"
    ctl undrain mx2.example.test
    ctl undrain mx1.example.test
    within answers "$DNS" "$both"
}

# A reload that shortens the TTL does not shorten what resolvers hold.
test_reload() {
    write_configuration 60s
    ctl reload
    is "reload" 0 "$status"
    soon "reloaded" answers "$DNS" "$both"
    write_configuration 1s
    ctl reload
    ctl drain mx1.example.test --wait --timeout 1.5
    is "--timeout" 1 "$status"
    has "--timeout" "resolvers may still hold it; it stays drained" "$err"
    ctl drain mx1.example.test --wait --timeout 1 --json
    is "--json" 1 "$status"
    is "of the old TTL" true "$(sed -n 's/.*"left_s": \([0-9]*\)\..*/\1/p' <<<"$out" | awk '{ print ($1 > 50) ? "true" : $1 }')"
    has "--json" '"finished": false' "$out"
    ctl drained mx1.example.test
    is "not yet" 1 "$status"
    has "not yet" "example.test MX (mx1.example.test): resolvers may hold it for " "$out"
}

test_interrupted() {
    "$build/evermxctl" -s control.sock drain mx1.example.test --wait >wait.log 2>&1 &
    local waiter=$!
    started+=("$waiter")
    soon "waiting" grep -q 'resolvers may hold mx1' wait.log
    kill -INT "$waiter"
    wait "$waiter"
    is "SIGINT" 130 "$?"
    has "SIGINT" "interrupted; mx1.example.test stays drained (evermxctl undrain mx1.example.test takes it back)" "$(<wait.log)"
    is "it stays drained" "20 mx2.example.test. " "$(mx_of "$DNS")"
}

has_two_threads() { [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" = 2 ]; }
has_ended() { ! kill -0 "$1" 2>/dev/null; }

# While the drain itself is not answered: evermxd is stopped, and takes the connection without a word.
test_interrupted_early() {
    kill -STOP "$daemon"
    "$build/evermxctl" -s control.sock drain mx1.example.test --wait >wait.log 2>&1 &
    local waiter=$!
    started+=("$waiter")
    soon "it expects signals" has_two_threads "$waiter"
    kill -INT "$waiter"
    soon "SIGINT before the answer: it ends at once" has_ended "$waiter"
    kill -CONT "$daemon"
    wait "$waiter"
    is "SIGINT before the answer" 130 "$?"
    has "SIGINT before the answer" "interrupted; mx1.example.test may be drained (evermxctl undrain" "$(<wait.log)"
}

test_taken_back() {
    "$build/evermxctl" -s control.sock drain mx1.example.test --wait >wait.log 2>&1 &
    local waiter=$!
    started+=("$waiter")
    soon "waiting" grep -q 'resolvers may hold mx1' wait.log
    ctl undrain mx1.example.test
    wait "$waiter"
    is "taken back" 1 "$?"
    has "taken back" "no longer drained: somebody took it back, or evermxd was started anew" "$(<wait.log)"
}

test_terminal() {
    if ! command -v script >/dev/null; then
        skip "no script(1) here"
        return
    fi
    run script -qec "'$build/evermxctl' -s control.sock drain mx1.example.test --wait --timeout 2.5" /dev/null
    has "one line, drawn again" $'\033[A\r\033[K''resolvers may hold mx1.example.test for ' "$out"
}

test_failover() {
    ctl undrain mx1.example.test
    within answers "$DNS" "$both"
    "$build/mailhost" --tell hosts.sock "smtp:127.77.3.11@$SMTP refuse" >/dev/null
    soon "a death" answers "$DNS" "20 mx2.example.test. "
    ctl status
    has "a death" "ago: mx1.example.test smtp, refused; resolvers may hold it" "$out"
    ctl events
    has "a death" "smtp: out of the answers of 1 pool" "$out"
    has "a death" "s after the last good probe (first seen after " "$out"
    "$build/mailhost" --tell hosts.sock "smtp:127.77.3.11@$SMTP ok" >/dev/null
    soon "a return" answers "$DNS" "$both"
    ctl metrics
    has "a death" 'evermx_failovers_total{kind="left",cause="refused"} 1' "$out"
    has "a return" 'evermx_failovers_total{kind="back",cause="refused"} 1' "$out"
}

test_server_goes_away() {
    "$build/evermxctl" -s control.sock drain mx1.example.test --wait >wait.log 2>&1 &
    local waiter=$!
    started+=("$waiter")
    soon "waiting" grep -q 'resolvers may hold mx1' wait.log
    kill -KILL "$daemon"
    wait "$waiter"
    is "no server" 3 "$?"
    has "no server" "evermxctl: control.sock: " "$(<wait.log)"
}

start_hosts
write_configuration 4s
start_daemon
for test in test_waits_until_nobody_holds_it test_it_is_told test_the_other_cannot_go test_reload test_interrupted \
        test_interrupted_early test_taken_back test_terminal test_failover test_server_goes_away; do
    $test
done

# Its record, and then its name, leave the zones while somebody waits.
test_removed_while_waiting() {
    local begun=$SECONDS waiter
    cp example.zone whole.zone
    start_daemon
    : >removed.log
    "$build/evermxctl" -s control.sock drain mx1.example.test --wait >removed.log 2>&1 &
    waiter=$!
    started+=("$waiter")
    soon "waiting" grep -q 'resolvers may hold mx1' removed.log
    grep -v mx1 whole.zone | sed 's/ 1 3600/ 2 3600/' >example.zone
    ctl reload
    is "removed" 0 "$status"
    ctl drained mx1.example.test
    is "removed: drained" 1 "$status"
    has "removed: drained" "; it is out of the zones" "$out"
    has "removed: drained" "example.test MX (mx1.example.test): resolvers may hold it for " "$out"
    wait "$waiter"
    is "removed: --wait" 0 "$?"
    is "removed: --wait" "drain finished: safe to stop mx1.example.test now; it is out of the zones" "$(tail -n 1 removed.log)"
    is "removed: not before its TTL" 1 $((SECONDS - begun >= 5))
    ctl drained mx1.example.test
    is "removed: drained, a moment later" 0 "$status"
    ctl drained mx9.example.test
    is "never there" 1 "$status"
    has "never there" "mx9.example.test: no such host" "$err"
    cp whole.zone example.zone
}

# As a table that tells what its columns are.
test_status_of_several() {
    local host
    ctl reload
    soon "both again" known_up
    for host in mx1 mx2 mx1; do
        ctl drain $host.example.test
        ctl undrain $host.example.test
    done
    ctl status
    has "several" "last failover " "$out"
    has "several" "$(printf '%s\n' "  after the command:" "    out of the answers ")" "$out"
    has "several" "failovers before it, the last one first; from the last good probe, or from an operator's command," "$out"
    has "several" "WHEN HOST CHECK WHY BAD OUT GONE NOW" "$(tr -s ' ' <<<"$out")"
    is "several" "mx2.example.test smtp drained by an operator 0.0s 0.0s 6.5s back mx1.example.test smtp drained by an operator 0.0s 0.0s 6.5s back " \
        "$(sed '1,/^WHEN/d' <<<"$out" | head -n 2 | awk '{ $1 = $2 = $NF = $(NF - 1) = ""; print }' | xargs echo -n) "
}

# Prometheus' rules for what is scraped: HELP and TYPE once, before their samples; buckets that rise up to +Inf, which
# is the count; and no histogram in which nothing is.
test_scrape() {
    ctl metrics
    is "scrape" "" "$(awk '
        /^# HELP / { if (help[$3]++) print "a second " $0; family = $3; next }
        /^# TYPE / { if ($3 != family || type[$3]) print "out of place: " $0; type[$3] = $4; next }
        index($0, family) != 1 { print "not of " family ": " $0 }
        { series = $1; sub(/,?le="[^"]*"/, "", series) }
        $1 ~ /_bucket\{/ { if ($2 < below[series]) print "falls: " $0; below[series] = $2 }
        $1 ~ /le="\+Inf"/ { whole[series] = $2; if ($2 == 0) print "nothing in it: " $0 }
        $1 ~ /_count/ { sub(/_count/, "_bucket", series); if (whole[series] != $2) print "not all: " $0; counts++ }
        END { if (!counts) print "no histogram" }' <<<"$out")"
    has "counters are there before the first" 'evermx_failovers_total{kind="late",cause="force"} 0' "$out"
}

write_configuration 4s
test_removed_while_waiting
test_status_of_several
test_scrape
tell_counts
