#!/bin/bash
# test_daemon.sh - evermxd and evermxctl from the outside: options, start, reload, signals, end.
#
# EVERMX_BUILD   where the programs are, default build
#
# All on loopback and high ports, in a directory of its own. No mail host runs: those of the zone
# refuse connections, so all are down and all are answered. What needs root is skipped without.

set -u
LC_ALL=C
export LC_ALL
unset EVERMX_CONTROL JOURNAL_STREAM

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
evermxd=$build/evermxd
evermxctl=$build/evermxctl
work=$(mktemp -d) || exit 1
chmod 755 "$work"
cd "$work" || exit 1

. "$repository/tests/support/started.sh"

# ---- evermxd ----

# Sets pid and log; returns when it is ready, or fails when it has ended.
start() { # NAME OPTION ...
    log=$work/$1.log
    start_ready "$log" "$evermxd" "${@:2}" || { fail "start with '${*:2}': $(<"$log")"; return 1; }
}

logged() {
    grep -qF -- "$1" "$log"
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# Sets status; a process that does not end within the deadline has status 999.
await_end() {
    if within gone "$1"; then
        wait "$1"
        status=$?
    else
        status=999
    fi
}

ask() { # PORT NAME TYPE [OPTION ...]: the answer's records, sorted
    local port=$1 name=$2 type=$3
    shift 3
    kdig -p "$port" +timeout=2 +retry=1 +short "${@:-@127.0.0.1}" "$name" "$type" 2>&1 | sort
}

header_of() { # PORT NAME TYPE: status and flags
    kdig @127.0.0.1 -p "$1" +timeout=2 +retry=1 "$2" "$3" 2>&1 | sed -n 's/.*status: \([A-Z]*\).*/\1/p; s/^;; Flags: \([a-z ]*\);.*/\1/p' | tr '\n' ' '
}

answers() { # EXPECTED PORT NAME TYPE
    [ "$(ask "$2" "$3" "$4" | tr '\n' ' ')" = "$1" ]
}

# The mail hosts' addresses are those of no other test; zones share them, and so their targets.
write_zone() { # FILE ORIGIN SERIAL [LINE ...]
    local file=$1 origin=$2 serial=$3
    shift 3
    cat >"$file" <<ZONE
\$ORIGIN $origin.
\$TTL 300
@ SOA ns hostmaster $serial 3600 600 86400 5
@ NS ns
ns A 127.0.0.53
@ MX 10 mx1
@ MX 20 mx2
mx1 A 127.77.0.11
mx2 A 127.77.0.12
_imaps._tcp SRV 0 1 993 mx1
ZONE
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$file"
}

# ---- tests ----

test_usage() {
    run "$evermxd" -V
    is "-V" 0 "$status"
    has "-V" "evermxd $(sed -n '1s/^evermx \([0-9.]*\).*/\1/p' "$repository/CHANGES")" "$out"
    run "$evermxd" -h
    is "-h" 0 "$status"
    has "-h" "--listen ADDRESS@PORT" "$out"
    run "$evermxd" --nonsense
    is "unknown option" 64 "$status"
    run "$evermxd" --zone z extra
    is "argument" 64 "$status"
    has "argument" "unexpected argument: extra" "$err"
    run "$evermxd" --zone z --listen 127.0.0.1:5300
    is "bad address" 64 "$status"
    has "bad address" "not 127.0.0.1:5300" "$err"
    if [ ! -e /etc/evermx/evermx.yaml ]; then
        run "$evermxd"
        is "nothing to serve" 64 "$status"
        has "nothing to serve" "there is no /etc/evermx/evermx.yaml" "$err"
    fi
    write_zone usage.zone example.test 1
    run "$evermxd" --zone usage.zone
    is "no address" 1 "$status"
    has "no address" "--listen 127.0.0.1@5300" "$err"
    run "$evermxd" --zone none.zone --listen 127.0.0.1@"$(free_port)" --control usage.sock
    is "no file" 1 "$status"
    has "no file" "none.zone" "$err"
}

test_check() {
    write_zone check.zone example.test 1
    run "$evermxd" -t --zone check.zone
    is "-t" 0 "$status"
    # Names: the apex, ns, mx1, mx2, _imaps._tcp, and _tcp between. Pools: MX, SRV, and the
    # addresses of mx1 and mx2.
    is "-t" "configuration is good: 1 zone, 6 names, 3 targets, 4 pools" "$out"
    printf 'zones:\n  - check.zone\n' >no-listen.yaml
    run "$evermxd" -t -c no-listen.yaml
    is "-t without an address" 1 "$status"
    has "-t without an address" "no address to listen on" "$err"
}

test_check_tells_all() {
    cat >bad.yaml <<'YAML'
server:
  listen: ["127.0.0.1@99999"]
  worker: 2
zones:
  - check.zone
checks:
  smtp: {interval: 2 parsecs}
YAML
    run "$evermxd" -t -c bad.yaml
    is "bad configuration" 1 "$status"
    is "bad configuration" "" "$out"
    has "address" "bad.yaml:2:12: error: " "$err"
    has "key" "bad.yaml:3:3: error: " "$err"
    has "unit" "bad.yaml:7:20: error: " "$err"
    write_zone bad.zone example.test 1 'mx3 A 127.0.0.300' 'other.test. A 127.0.0.1' 'mx1 CNAME mx2'
    sed -i 's/check.zone/bad.zone/' bad.yaml
    run "$evermxd" -t -c bad.yaml --zone nowhere.zone
    is "bad configuration and zones" 1 "$status"
    has "the configuration's error" "bad.yaml:3:3: error: " "$err"
    has "the zone's error" "bad.zone:11: error: " "$err"
    has "the other zone's error" "nowhere.zone: error: " "$err"
    run "$evermxd" -t --zone bad.zone --zone check.zone
    is "bad zone" 1 "$status"
    has "bad address" "bad.zone:11: error: " "$err"
    has "out of zone" "bad.zone:12: error: " "$err"
    has "CNAME beside A" "bad.zone:13: error: " "$err"
}

test_answers() {
    local port
    port=$(free_port)
    write_zone answers.zone example.test 1
    write_zone second.zone second.test 1
    start answers --zone answers.zone --zone second.zone --listen "127.0.0.1@$port" \
        --listen "[::1]@$port" --control answers.sock || return
    has "ready line" "ready on 127.0.0.1@$port [::1]@$port: 2 zones, 3 targets" "$(<"$log")"
    is "UDP" "10 mx1.example.test. 20 mx2.example.test. " "$(ask "$port" example.test MX | tr '\n' ' ')"
    is "TCP" 127.77.0.11 "$(ask "$port" mx1.example.test A @127.0.0.1 +tcp)"
    is "second zone" 127.77.0.12 "$(ask "$port" MX2.second.TEST A)"
    is "authoritative" "NOERROR qr aa rd " "$(header_of "$port" example.test MX)"
    is "outside" "REFUSED qr rd " "$(header_of "$port" elsewhere.test MX)"
    is "no name" "NXDOMAIN qr aa rd " "$(header_of "$port" none.example.test MX)"
    if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
        is "IPv6 UDP" 127.77.0.11 "$(ask "$port" mx1.example.test A @::1)"
        is "IPv6 TCP" 127.77.0.11 "$(ask "$port" mx1.example.test A @::1 +tcp)"
    else
        skip "no ::1 here"
    fi
    test_second_instance "$port"
    test_control_program "$port"
    test_reload "$port"
    test_drain "$port"
    test_events
    local end=$((SECONDS + 15))
    while kill -TERM "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do
        : # one is enough; more of them while it ends change nothing
    done
    await_end "$pid"
    is "SIGTERM" 0 "$status"
    if [ -e answers.sock ]; then fail "the control socket stays behind"; else pass; fi
    test_followed_to_the_end
}

test_second_instance() {
    run "$evermxd" --zone answers.zone --listen "127.0.0.1@$1" --control second.sock
    is "port in use" 1 "$status"
    has "port in use" "127.0.0.1@$1" "$err"
    has "port in use" "Address already in use" "$err"
    if [ -e second.sock ]; then fail "port in use: a control socket stays behind"; else pass; fi
    run "$evermxd" --zone answers.zone --listen "127.0.0.1@$(free_port)" --control answers.sock
    is "control socket in use" 1 "$status"
    has "control socket in use" "answers.sock: another evermxd listens there" "$err"
    is "the first one goes on" 127.77.0.11 "$(ask "$1" mx1.example.test A)"
}

all_down() {
    "$evermxctl" -s answers.sock status >"$work/out" && [ "$(grep -c 'smtp .*DOWN' "$work/out")" = 2 ]
}

test_control_program() {
    soon "all refuse, so all are down" all_down
    out=$(<"$work/out")
    has "status" "mx1.example.test  127.77.0.11  25    smtp   DOWN" "$out"
    has "status" "FAIL OPEN" "$out"
    lacks "no colours in a pipe" $'\033' "$out"
    has "uptime and queries" ", 2 zones, " "$out"
    run "$evermxctl" -s answers.sock --color status
    has "colours" $'\033[31mDOWN\033[0m' "$out"
    run "$evermxctl" -s answers.sock status --json
    has "JSON" '"reason": "refused"' "$out"
    is "JSON" 0 "$status"
    EVERMX_CONTROL=answers.sock run "$evermxctl" explain example.test
    is "explain" 0 "$status"
    has "explain" "127.77.0.11@25 smtp: DOWN for " "$out"
    run "$evermxctl" -s answers.sock explain elsewhere.test
    is "explain elsewhere" 0 "$status"
    run "$evermxctl" -s answers.sock drain nobody.test
    is "error of the server" 1 "$status"
    has "error of the server" "nobody.test" "$err"
    run "$evermxctl" -s answers.sock nonsense
    is "no command" 2 "$status"
    run "$evermxctl" -s answers.sock drain 'mx1 mx2'
    is "blank in an argument" 2 "$status"
    run "$evermxctl" -s none.sock status
    is "no socket" 3 "$status"
    has "no socket" "none.sock: No such file or directory; does evermxd run" "$err"
    printf 'server:\n  listen: ["127.0.0.1@%s"]\n  control: answers.sock\nzones: [answers.zone]\n' "$1" >ctl.yaml
    run "$evermxctl" -c ctl.yaml status
    is "socket by configuration" 0 "$status"
}

serial_is() {
    [ "$(ask "$2" "$3" SOA | cut -d' ' -f3)" = "$1" ]
}

test_reload() {
    write_zone answers.zone example.test 2 'mx3 A 127.0.0.300' '@ MX 30 mx3'
    kill -HUP "$pid"
    soon "SIGHUP with a bad zone" logged "error: reload: zone example.test: goes on as it was, with serial 1: answers.zone is bad"
    has "SIGHUP with a bad zone" "error: answers.zone:11: " "$(<"$log")"
    is "a bad zone goes on" "10 mx1.example.test. 20 mx2.example.test. " "$(ask "$1" example.test MX | tr '\n' ' ')"
    if serial_is 1 "$1" example.test; then pass; else fail "the serial has changed"; fi
    write_zone second.zone second.test 2
    run "$evermxctl" -s answers.sock reload
    is "reload with a bad zone" 4 "$status"
    has "reload with a bad zone" "answers.zone:11: error: " "$err"
    has "reload with a bad zone" "zone example.test: goes on as it was, with serial 1: answers.zone is bad" "$err"
    has "reload with a bad zone" "zone second.test: serial 2, was 1" "$out"
    is "all else is read" 2 "$(ask "$1" second.test SOA | cut -d' ' -f3)"
    rm second.zone
    run "$evermxctl" -s answers.sock reload --json
    is "reload with a missing zone" 4 "$status"
    has "reload with a missing zone" '"zone second.test: goes on as it was, with serial 2: second.zone is bad"' "$out"
    is "a missing zone goes on" 127.77.0.12 "$(ask "$1" mx2.second.test A)"
    run "$evermxctl" -s answers.sock reload
    is "as bad as before" 4 "$status"
    has "as bad as before" "nothing has changed" "$out"
    has "as bad as before" "answers.zone:11: error: " "$err"
    has "as bad as before" "2 errors" "$err"
    run "$evermxctl" -s answers.sock status
    is "status with bad zones" 0 "$status"
    has "status with bad zones" "zone example.test is as it was before, serial 1: its file is bad (answers.zone;" "$out"
    has "status with bad zones" "zone second.test is as it was before, serial 2: its file is bad (second.zone;" "$out"
    run "$evermxctl" -s answers.sock metrics
    has "metrics with bad zones" 'evermx_zones{state="stale"} 2' "$out"
    run "$evermxd" -t --zone answers.zone --zone second.zone
    is "a check is strict" 1 "$status"
    write_zone answers.zone example.test 4 'mx3 A 127.77.0.13' '@ MX 30 mx3'
    write_zone second.zone second.test 2
    kill -HUP "$pid"
    soon "SIGHUP" serial_is 4 "$1" example.test
    is "SIGHUP" 127.77.0.13 "$(ask "$1" mx3.example.test A)"
    soon "the log tells" logged "reload: target mx3.example.test 127.77.0.13@25 smtp: added"
    has "the log tells" "reload: zone example.test: good again, serial 4, was 1" "$(<"$log")"
    write_zone answers.zone example.test 5
    run "$evermxctl" -s answers.sock reload
    is "reload" 0 "$status"
    has "reload" "target mx3.example.test 127.77.0.13@25 smtp: removed" "$out"
    is "the second zone is still there" 127.77.0.12 "$(ask "$1" mx2.second.test A)"
    run "$evermxctl" -s answers.sock status
    lacks "all is good" "bad" "$out"
}

test_drain() {
    run "$evermxctl" -s answers.sock force mx2.example.test up
    is "force" 0 "$status"
    soon "force is in the answers" answers "20 mx2.example.test. " "$1" example.test MX
    write_zone answers.zone example.test 6
    run "$evermxctl" -s answers.sock reload
    is "reload keeps what is forced" "20 mx2.example.test. " "$(ask "$1" example.test MX | tr '\n' ' ')"
    run "$evermxctl" -s answers.sock force mx1.example.test up
    soon "both" answers "10 mx1.example.test. 20 mx2.example.test. " "$1" example.test MX
    run "$evermxctl" -s answers.sock drain mx1.example.test
    has "drain" "mx1.example.test: drain (2 targets)" "$out"
    soon "drain is in the answers" answers "20 mx2.example.test. " "$1" example.test MX
    run "$evermxctl" -s answers.sock explain example.test
    has "explain a drain" "10 mx1.example.test." "$out"
    has "explain a drain" "held back" "$out"
    has "explain a drain" "drained (down for " "$out"
}

followed() { # TEXT: whether who follows has been shown it
    grep -q -- "$1" "$work/followed"
}

# What has happened: all, the last ones, and on and on; by then test_drain has made some.
test_events() {
    run "$evermxctl" -s answers.sock events
    is "events" 0 "$status"
    has "events" "mx1.example.test: drained, 2 targets" "$out"
    has "events" "mx2.example.test: forced up, 1 target" "$out"
    run "$evermxctl" -s answers.sock events 1
    is "the last event" 1 "$(wc -l <<<"$out")"
    run "$evermxctl" -s answers.sock events 6
    has "what a drain does" "993 imaps: still in the answers of 2 pools: nothing better is there" "$out"
    has "what a drain does" "25 smtp: out of the answers of 2 pools by an operator's command; " "$out"
    run "$evermxctl" -s answers.sock --json events 2
    is "the last two events" 2 "$(grep -c '"number"' <<<"$out")"
    run "$evermxctl" -s answers.sock events 0
    is "no event" "" "$out"
    run "$evermxctl" -s answers.sock events x
    is "no number" 2 "$status"
    run "$evermxctl" -s answers.sock --follow status
    is "--follow is for events" 2 "$status"
    run "$evermxctl" -s answers.sock --wait status
    is "--wait is for drain" 2 "$status"
    run "$evermxctl" -s answers.sock drain mx1.example.test --timeout 5
    is "--timeout is for --wait" 2 "$status"
    # Behind the drain came what it did to the answers.
    "$evermxctl" -s answers.sock --follow events 6 >"$work/followed" 2>&1 &
    follower=$!
    started+=("$follower")
    soon "followed from the last ones" followed "drained, 2 targets"
    run "$evermxctl" -s answers.sock undrain mx1.example.test
    soon "followed on" followed "mx1.example.test: no longer forced, 2 targets"
    is "each once" 2 "$(grep -c 'drained, 2 targets\|no longer forced' "$work/followed")"
    kill -TERM "$follower"
    await_end "$follower"
    is "interrupted" 143 "$status"
    # Nobody reads on, and nothing happens that could be written: it ends all the same.
    timeout 20 "$evermxctl" -s answers.sock --follow events 0 | true
    is "nobody reads on" 0 "${PIPESTATUS[0]}"
    "$evermxctl" -s answers.sock --follow events 0 >"$work/followed" 2>&1 &
    follower=$!
    started+=("$follower")
}

# Who follows is told, and let go.
test_followed_to_the_end() {
    await_end "$follower"
    is "followed to the end" 3 "$status"
    soon "followed to the end" followed "^evermxctl: answers.sock: "
}

test_configuration_file() {
    local port other
    port=$(free_port) other=$(free_port)
    mkdir -p etc
    write_zone etc/one.zone one.test 1
    printf 'server:\n  listen: ["127.0.0.1@%s"]\n  control: %s/conf.sock\n  probing: off\nzones:\n  - one.zone\n' \
        "$port" "$work" >etc/evermx.yaml
    start conf -c etc/evermx.yaml || return
    is "zone beside the configuration" 127.77.0.11 "$(ask "$port" mx1.one.test A)"
    sed -i "s/@$port/@$other/; s/probing: off/workers: 3/" etc/evermx.yaml
    run "$evermxctl" -s conf.sock reload
    is "reload of other settings" 0 "$status"
    has "listen" "warning: listen: differs from what evermxd was started with: needs a restart" "$err"
    has "probing" "warning: probing: differs" "$err"
    has "workers" "warning: workers: differs" "$err"
    lacks "control" "control: differs" "$err"
    echo 'nonsense: yes' >>etc/evermx.yaml
    run "$evermxctl" -s conf.sock reload
    is "reload of a bad configuration" 1 "$status"
    has "reload of a bad configuration" "evermx.yaml:7:1: error: " "$err"
    is "it goes on" 127.77.0.11 "$(ask "$port" mx1.one.test A)"
    run "$evermxctl" -s conf.sock stop
    is "stop" 0 "$status"
    # It has let go of all when evermxctl returns; only the last step of its end may be left.
    if [ -e conf.sock ]; then fail "stop: the control socket stays behind"; else pass; fi
    await_end "$pid"
    is "stop" 0 "$status"
    run "$evermxctl" -s conf.sock status
    is "stopped" 3 "$status"
}

# A reload brings new secrets and a new identity; one with a bad file of secrets changes nothing.
test_cookie_secrets() {
    local port
    port=$(free_port)
    mkdir -p etc
    write_zone etc/one.zone one.test 1
    (umask 077 && echo e5e973e5a6b2a43f48e7dc849e37bfcf >etc/secrets)
    printf 'server: {listen: ["127.0.0.1@%s"], control: %s/secrets.sock, probing: off, identity: one, cookie-secrets: secrets}\nzones: [one.zone]\n' \
        "$port" "$work" >etc/evermx.yaml
    start secrets -c etc/evermx.yaml || return
    lacks "private secrets" "warning" "$(<"$log")"
    has "identity" '"one"' "$(identity_of "$port")"
    sed -i 's/identity: one/identity: two/' etc/evermx.yaml
    echo nonsense >etc/secrets
    run "$evermxctl" -s secrets.sock reload
    is "reload of bad secrets" 1 "$status"
    has "reload of bad secrets" "secrets, line 1: not 32 hexadecimal digits" "$err"
    lacks "reload of bad secrets" "nonsense" "$err"
    has "it goes on as before" '"one"' "$(identity_of "$port")"
    echo 445536bcd2513298075a5d379663c962 >etc/secrets
    run "$evermxctl" -s secrets.sock reload
    is "reload of good secrets" 0 "$status"
    has "reload changes the identity" '"two"' "$(identity_of "$port")"
    run "$evermxctl" -s secrets.sock stop
    await_end "$pid"
}

identity_of() {
    kdig -p "$1" @127.0.0.1 +timeout=2 +retry=1 +nsid one.test SOA 2>&1 | sed -n 's/.*NSID: [0-9A-F]* //p'
}

test_bad_zone_at_start() {
    local port
    port=$(free_port)
    write_zone good.zone good.test 1
    write_zone bad.zone bad.test 1 'mx3 A 127.0.0.300'
    start bad --zone bad.zone --zone none.zone --zone good.zone --listen "127.0.0.1@$port" --control bad.sock || return
    is "bad zone" "SERVFAIL" "$(header_of "$port" mx1.bad.test A | cut -d' ' -f1)"
    is "bad zone's apex" "SERVFAIL" "$(header_of "$port" bad.test SOA | cut -d' ' -f1)"
    is "good zone" 127.77.0.11 "$(ask "$port" mx1.good.test A)"
    has "log" "error: bad.zone:11: " "$(<"$log")"
    has "log" "error: none.zone: " "$(<"$log")"
    run "$evermxctl" -s bad.sock status
    has "status" "zone bad.test is bad: SERVFAIL" "$out"
    run "$evermxctl" -s bad.sock reload
    is "as bad as at the start" 4 "$status"
    has "as bad as at the start" "zone bad.test: SERVFAIL is answered: bad.zone is bad" "$err"
    write_zone bad.zone bad.test 2
    write_zone none.zone none.test 1
    run "$evermxctl" -s bad.sock reload
    has "mended" "zone bad.test: good again, serial 2" "$out"
    has "mended" "zone none.test: added" "$out"
    is "mended" 127.77.0.11 "$(ask "$port" mx1.bad.test A)"
    kill -INT "$pid"
    await_end "$pid"
    is "SIGINT" 0 "$status"
}

# The names of a list that cannot be read are unknown, so that nothing can be answered for them; that must be seen.
test_bad_list_at_start() {
    local port
    port=$(free_port)
    printf '@ 60 SOA ns.one.test. h. 1 3600 600 86400 5\n@ 60 NS ns.one.test.\n' >customer.zone
    write_zone one.zone one.test 1
    printf 'server: {listen: ["127.0.0.1@%s"], control: %s/list.sock, probing: off}\nzones: [one.zone, {file: customer.zone, names: list}]\n' \
        "$port" "$work" >evermx.yaml
    rm -f list
    start list -c evermx.yaml || return
    has "log" "list: cannot be read" "$(<"$log")"
    is "missing list" "REFUSED" "$(header_of "$port" shop.test SOA | cut -d' ' -f1)"
    run "$evermxctl" -s list.sock status
    has "status" "domains of @customer.zone are missing: the list is bad (" "$out"
    run "$evermxctl" -s list.sock metrics
    has "metrics" 'evermx_zones{state="incomplete"} 1' "$out"
    echo shop.test >list
    run "$evermxctl" -s list.sock reload
    has "mended" "domain shop.test of @customer.zone: added" "$out"
    is "mended" "NOERROR" "$(header_of "$port" shop.test SOA | cut -d' ' -f1)"
    printf 'other.test\n..\n' >list
    run "$evermxctl" -s list.sock reload
    is "reload of a bad list" 4 "$status"
    has "reload of a bad list" "list:2: error: '..' is no domain name" "$err"
    is "a bad list goes on" "NOERROR" "$(header_of "$port" shop.test SOA | cut -d' ' -f1)"
    is "a bad list goes on" "REFUSED" "$(header_of "$port" other.test SOA | cut -d' ' -f1)"
    run "$evermxctl" -s list.sock status
    has "status" "domains of @customer.zone are those of before, 1: the list is bad (" "$out"
    echo shop.test >list
    run "$evermxctl" -s list.sock reload
    is "mended" 0 "$status"
    run "$evermxctl" -s list.sock status
    lacks "mended" "missing" "$out"
    run "$evermxctl" -s list.sock stop
    await_end "$pid"
}

test_user() {
    local port
    port=$(free_port)
    if [ "$EUID" -ne 0 ] || ! id nobody >/dev/null 2>&1; then
        skip "becoming another user needs root"
        return
    fi
    mkdir -p run
    write_zone user.zone user.test 1
    printf 'server:\n  listen: ["127.0.0.1@%s"]\n  control: %s/run/user.sock\n  user: nobody\nzones: [user.zone]\n' \
        "$port" "$work" >user.yaml
    start user -c user.yaml || return
    is "all ids" "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)" \
        "$(sed -n 's/^Uid:\t//p' "/proc/$pid/status" | tr '\t' ' ')"
    is "groups" "$(id -g nobody)" "$(sed -n 's/^Groups:\t//p' "/proc/$pid/status" | tr -d ' ')"
    is "control socket" "$(id -u nobody) 660" "$(stat -c '%u %a' run/user.sock)"
    is "answers" 127.77.0.11 "$(ask "$port" mx1.user.test A)"
    write_zone user.zone user.test 2
    run "$evermxctl" -s run/user.sock reload
    is "reload" 0 "$status"
    kill -TERM "$pid"
    await_end "$pid"
    is "end" 0 "$status"
    sed -i 's/user: nobody/user: nobody-of-that-name/' user.yaml
    run "$evermxd" -t -c user.yaml
    has "unknown user" "this machine has no user 'nobody-of-that-name'" "$err"
}

# What another user than root may not do is told, and how to mend it.
test_no_permission() {
    local as=(setpriv --reuid=65534 --clear-groups) port
    port=$(free_port)
    write_zone plain.zone plain.test 1
    if [ "$EUID" -ne 0 ] || ! "${as[@]}" test -x "$evermxd"; then
        skip "evermxd cannot be started as another user here"
        return
    fi
    if [ "$(</proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 53 ]; then
        run "${as[@]}" "$evermxd" --zone plain.zone --listen 127.77.0.53@53
        is "port 53" 1 "$status"
        has "port 53" "a port below 1024 needs root" "$err"
    fi
    run "${as[@]}" "$evermxd" --zone plain.zone --listen "127.0.0.1@$port" --control "$work/no.sock"
    is "a control socket that was asked for" 1 "$status"
    has "a control socket that was asked for" "no.sock: Permission denied" "$err"
    write_zone secret.zone secret.test 1
    chmod 600 secret.zone
    run "${as[@]}" "$evermxd" -t --zone secret.zone
    is "zone" 1 "$status"
    has "zone" "secret.zone: error: cannot be read: Permission denied" "$err"
    printf 'zones: [plain.zone]\n' >secret.yaml
    chmod 600 secret.yaml
    run "${as[@]}" "$evermxd" -t -c secret.yaml
    is "configuration" 1 "$status"
    has "configuration" "secret.yaml: error: cannot read the file: Permission denied" "$err"
}

test_no_descriptors() {
    local port client clients=()
    port=$(free_port)
    write_zone few.zone few.test 1
    run bash -c 'ulimit -n 12; exec "$@"' sh "$evermxd" --zone few.zone --listen "127.0.0.1@$port" --control few.sock
    is "not enough to start" 1 "$status"
    has "not enough to start" "Too many open files" "$err"
    log=$work/few.log
    : >"$log"
    (ulimit -n 40; exec "$evermxd" --zone few.zone --listen "127.0.0.1@$port" --control few.sock 2>"$log") &
    pid=$!
    started+=("$pid")
    within ready_or_gone "$log"
    for _ in {1..60}; do # more than it has left
        { exec {client}<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null && clients+=("$client")
    done
    is "UDP goes on" 127.77.0.11 "$(ask "$port" mx1.few.test A)"
    soon "TCP takes a new client for an idle one" tcp_answers 127.77.0.11 "$port" mx1.few.test A
    for client in "${clients[@]}"; do
        exec {client}>&-
    done
    soon "all is well again" tells_status few.sock
    kill -TERM "$pid"
    await_end "$pid"
    is "end" 0 "$status"
}

tells_status() { # SOCKET
    "$evermxctl" -s "$1" status >/dev/null 2>&1
}

tcp_answers() { # EXPECTED PORT NAME TYPE
    [ "$(ask "$2" "$3" "$4" @127.0.0.1 +tcp)" = "$1" ]
}

# A full disk below the log must not stop a server; what a script reads must not be cut silently.
test_full_disk() {
    local port
    port=$(free_port)
    write_zone full.zone full.test 1
    "$evermxd" --zone full.zone --listen "127.0.0.1@$port" --control full.sock 2>/dev/full </dev/null &
    pid=$!
    started+=("$pid")
    soon "no log" answers "127.77.0.11 " "$port" mx1.full.test A
    "$evermxctl" -s full.sock status >/dev/full 2>"$work/err"
    is "output of evermxctl" 1 $?
    kill -TERM "$pid"
    await_end "$pid"
    is "end" 0 "$status"
}

# Nobody else than root may make a socket in /run/evermx; the server starts nevertheless.
test_default_control_socket() {
    local port
    port=$(free_port)
    write_zone plain.zone plain.test 1
    if [ "$EUID" -ne 0 ] || ! setpriv --reuid=65534 --clear-groups test -x "$evermxd"; then
        skip "evermxd cannot be started as another user here"
        return
    fi
    log=$work/plain.log
    : >"$log"
    setpriv --reuid=65534 --clear-groups "$evermxd" --zone plain.zone --listen "127.0.0.1@$port" 2>"$log" &
    pid=$!
    started+=("$pid")
    within ready_or_gone "$log"
    has "warning" "evermxctl will not work" "$(<"$log")"
    is "answers" 127.77.0.11 "$(ask "$port" mx1.plain.test A)"
    kill -TERM "$pid"
    await_end "$pid"
    is "end" 0 "$status"
}

# A process that was stopped for longer than the watchdog's patience goes on; one whose prober alone
# stands still ends. Both take more than 10 s, so they are done side by side.
test_watchdog() {
    local stopped_port frozen_port stopped frozen stopped_log engine tracer=
    stopped_port=$(free_port) frozen_port=$(free_port)
    write_zone dog.zone dog.test 1
    start stopped --zone dog.zone --listen "127.0.0.1@$stopped_port" --control stopped.sock || return
    stopped=$pid stopped_log=$log
    start frozen --zone dog.zone --listen "127.0.0.1@$frozen_port" --control frozen.sock || return
    frozen=$pid
    engine=$(grep -lx engine "/proc/$frozen/task/"*/comm | cut -d/ -f5 | head -n 1)
    kill -STOP "$stopped"
    if freeze "$engine"; then
        soon "watchdog" logged "watchdog: the prober has stood still for 10 s"
        kill "$tracer" # the kernel keeps a dead thread for it
        await_end "$frozen"
        is "watchdog" 70 "$status"
    else
        skip "a single thread cannot be stopped here (ptrace)"
    fi
    sleep 1 # longer stopped than the other one was patient
    kill -CONT "$stopped"
    log=$stopped_log
    soon "SIGCONT" answers "127.77.0.11 " "$stopped_port" mx1.dog.test A
    run "$evermxctl" -s stopped.sock status
    is "SIGCONT" 0 "$status"
    lacks "SIGCONT" "watchdog" "$(<"$log")"
    kill -TERM "$stopped"
    await_end "$stopped"
    is "end" 0 "$status"
}

# Stops one thread as a debugger does, until the tracer (of which the pid is left in tracer) ends.
freeze() {
    local number
    case $(uname -m) in
        x86_64) number=101 ;;
        aarch64 | riscv64) number=117 ;;
        *) return 1 ;;
    esac
    # PTRACE_ATTACH is 16.
    perl -e 'exit 1 if syscall($ARGV[0] + 0, 16, $ARGV[1] + 0, 0, 0) < 0; sleep 60' "$number" "$1" &
    tracer=$!
    started+=("$tracer")
    within frozen_or_not "$1" && kill -0 "$tracer" 2>/dev/null
}

frozen_or_not() {
    ! kill -0 "$tracer" 2>/dev/null || grep -q '^State:.*t (tracing stop)' "/proc/$1/status"
}

for test in test_usage test_check test_check_tells_all test_answers test_configuration_file \
        test_cookie_secrets test_bad_zone_at_start test_bad_list_at_start test_user test_no_permission \
        test_no_descriptors test_full_disk test_default_control_socket test_watchdog; do
    $test
done
tell_counts
