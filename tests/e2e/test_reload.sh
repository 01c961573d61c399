#!/bin/bash
# test_reload.sh - evermxd with 2,000 zones and a template of 10,000 names, asked by UDP and TCP as
# fast as it answers while 40 reloads change all kinds of things: no answer is lost, none is wrong.
#
# EVERMX_BUILD   where the programs are, default build
#
# Limits change, too, within what the load asks for: none of its queries or connections may feel it.
#
# What changes stands in two states, in each of which a chain of CNAMEs leads over names that only
# this state has. A server that mixed states would answer NXDOMAIN, which the load tells from right.

set -u
LC_ALL=C
export LC_ALL
unset EVERMX_CONTROL JOURNAL_STREAM

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
cd "$work" || exit 1

readonly ZONES=2000 DOMAINS=10000 RELOADS=40 DEADLINE_S=30
. "$repository/tests/support/started.sh"

# ---- what is served ----

# Records that both states of a zone have, and those of one state.
readonly HEAD='$TTL 300\n@ SOA ns h %d 3600 600 86400 5\n@ NS ns\nns A 127.0.0.53\n'
readonly MAIL='@ MX 10 mx1.pool.test.\n@ MX 20 mx2.pool.test.\n'
readonly CHAIN='w CNAME u%d\nu%d CNAME v%d\nv%d CNAME t%d\nt%d A 192.0.2.%d\n'

write_states() {
    mkdir 0 1 zones
    awk -v zones="$ZONES" -v head="$HEAD" -v mail="$MAIL" -v chain="$CHAIN" 'BEGIN {
        for (state = 0; state < 2; state++) {
            for (i = 0; i < zones; i++) {
                file = state "/z" i
                printf "$ORIGIN z" i ".test.\n" head mail chain, state + 1, state, state, state, state, state, state, state > file
                close(file)
            }
            printf head mail chain, state + 1, state, state, state, state, state, state, state > (state "/template")
        }
    }'
    cp 0/* zones/
    printf '$ORIGIN pool.test.\n'"$HEAD"'mx1 A 127.78.0.11\nmx2 A 127.78.0.12\n' 1 >pool
    printf "$HEAD$MAIL" 1 >other
    seq -f 'd%g.example' "$DOMAINS" >all_names
    cp all_names names
    echo 'other1.example' >other_names
    printf '%032d\n' 1 >secrets
    chmod 600 secrets
}

# Limits that the load stays below.
limits() { # STEP
    case $(($1 % 3)) in
    0) printf 'rate-limit: off, tcp-connections: 512, tcp-per-client: 400, tcp-idle: %ss' "$((10 + $1))" ;;
    1) printf 'rate-limit: {answers: 1000000, negatives: 1000000, exempt: []}, tcp-idle: %ss' "$((10 + $1))" ;;
    2) printf 'rate-limit: {answers: 0, negatives: 0, ipv4-prefix: %s, exempt: [192.0.2.0/24]}, tcp-connections: 4096' "$((8 + $1 % 24))" ;;
    esac
}

# Zones of the list; what is asked is in all of them.
write_config() { # IDENTITY TTL WEIGHT ZONES LIMITS-STEP
    {
        printf 'server: {listen: ["127.0.0.1@%s"], workers: 1, control: c.sock, %s, identity: %s, cookie-secrets: secrets}\n' "$port" "$(limits "$5")" "$1"
        printf 'policies:\n  - {match: "* MX", ttl: %ss}\nhosts:\n  mx1.pool.test: {weight: %s}\nzones:\n' "$2" "$3"
        printf '  - pool\n  - {file: zones/template, names: names}\n  - {file: other, names: other_names}\n'
        seq -f '  - zones/z%g' 0 "$(($4 - 1))"
    } >evermx.yaml.new
    mv evermx.yaml.new evermx.yaml
}

# All but the last 100 zones and 1,000 names, which come and go.
write_questions() {
    awk -v zones="$((ZONES - 100))" -v domains="$((DOMAINS - 1000))" 'BEGIN {
        for (n = 0; n < 20000; n++) {
            zone = n % 2 ? "z" int(rand() * zones) ".test" : "d" 1 + int(rand() * domains) ".example"
            print n % 4 < 2 ? "w." zone " A NOERROR" : n % 8 < 6 ? zone " MX NOERROR" : "nosuch." zone " A NXDOMAIN"
        }
    }' >questions
}

# ---- load ----

# Slices of load until the reloads are done, each with a line of what came of it.
ask_on() { # FILE OPTION...
    local file=$1
    shift
    while [ -e going_on ]; do
        "$build/load" --brief --seconds 2 --timeout 5 --file questions "$@" "127.0.0.1@$port" >>"$file" 2>&1 || sleep 0.1
    done
}

sum_of() { # KEY FILE
    tr ' ' '\n' <"$2" | awk -F = -v key="$1" '$1 == key { sum += $2 } END { print sum + 0 }'
}

judge() { # WHAT FILE
    is "$1: lost" 0 "$(sum_of lost "$2")"
    is "$1: wrong" 0 "$(sum_of wrong "$2")"
    is "$1: asked all the while" 1 "$(($(sum_of right "$2") > 1000))"
    printf '%s: %s right answers\n' "$1" "$(sum_of right "$2")"
}

# ---- reloads ----

reload() {
    timeout 30 "$build/evermxctl" -s c.sock reload >reload.out 2>&1
}

flip_zones() { # STEP: each of eight has zones of its own
    local state=$((($1 / 8 + 1) % 2)) i files=()
    for ((i = $1 % 8; i < ZONES; i += 40)); do
        files+=("$state/z$i")
    done
    cp "${files[@]}" zones/
}

change() { # STEP
    case $(($1 % 8)) in
    0 | 4) flip_zones "$1" ;;
    1) cp "$((($1 / 8 + 1) % 2))/template" zones/template.new && mv zones/template.new zones/template ;;
    2) head -n "$((DOMAINS - 1000 + 25 * ($1 % 40)))" all_names >names.new && mv names.new names ;;
    3) write_config "step$1" "$((5 + $1 % 7))" "$((1 + $1 % 3))" "$((ZONES - $1))" "$1" ;;
    5) "$build/evermxctl" -s c.sock "$([ $(($1 / 8 % 2)) = 0 ] && echo drain || echo undrain)" mx1.pool.test >/dev/null && flip_zones "$1" ;;
    6) printf '%032d\n' "$1" 1 >secrets && flip_zones "$1" && echo "other$1.example" >other_names ;;
    7) write_config "step$1" 9 2 "$ZONES" "$1" && flip_zones "$1" ;;
    esac
}

# A zone that is bad for once goes on as it was, under load too.
reload_broken() { # STEP
    local zone=zones/z$((RANDOM % (ZONES - RELOADS))) # the last ones are not configured at some steps
    cp "$zone" kept
    printf '@ A wrong\n' >>"$zone"
    reload
    is "step $1: status of evermxctl" 4 "$?"
    is "step $1: it tells why" 1 "$(grep -c '"wrong" is no IPv4 address' reload.out)"
    is "step $1: the zone goes on" 1 "$(grep -c 'goes on as it was, with serial' reload.out)"
    cp kept "$zone"
}

test_reloads() {
    local step good=0 limited=0
    for ((step = 1; step <= RELOADS; step++)); do
        if [ $((step % 5)) = 0 ]; then
            reload_broken "$step"
        fi
        change "$step"
        if reload && ! grep -q 'nothing has changed' reload.out; then
            good=$((good + 1))
            limited=$((limited + $(grep -cE '^(rate-limit|tcp-idle|tcp-connections)\b.*, was ' reload.out)))
            is "step $step: needs no restart" 0 "$(grep -c 'needs a restart' reload.out)"
        else
            cat reload.out
        fi
    done
    is "reloads that changed something" "$RELOADS" "$good"
    is "changes of limits were told" 1 "$((limited > 10))"
}

# Each zone is in the end what its file says.
test_end() {
    local state
    for state in 0 1; do
        grep -l "^u$state " zones/z* | sed -n 's/.*\(z[0-9]*\)$/\1/p' |
            awk -v state="$state" '{ print "t" state "." $1 ".test A NOERROR\nt" 1 - state "." $1 ".test A NXDOMAIN" }'
    done >ends
    is "zones that are asked in the end" "$((2 * ZONES))" "$(grep -c . ends)"
    "$build/load" --brief --count "$((2 * ZONES))" --warm-up 0 --timeout 5 --file ends "127.0.0.1@$port" >end 2>&1
    is "the end: right" "$((2 * ZONES))" "$(sum_of right end)"
}

port=$(free_port)
write_states
write_config start 5 1 "$ZONES" 0
write_questions
start_ready log "$build/evermxd" -c evermx.yaml || { cat log; exit 1; }
touch going_on
ask_on udp &
udp=$!
ask_on tcp --tcp &
tcp=$!
started+=("$udp" "$tcp")
sleep 0.5
test_reloads
rm going_on
wait "$udp" "$tcp"
judge UDP udp
judge TCP tcp
test_end
"$build/evermxctl" -s c.sock metrics >metrics
is "rate limits that were felt" 0 "$(awk '/^evermx_dns_rate_limited_total/ { sum += $2 } END { print sum + 0 }' metrics)"
kill -TERM "$pid"
wait "$pid"
is "end" 0 "$?"
[ "$failed" = 0 ] || tail -n 20 log
tell_counts
