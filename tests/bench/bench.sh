#!/bin/bash
# bench.sh - how fast evermxd is on this machine, next to the ceiling of all servers. About 40 s.
#
#   tests/bench/bench.sh [-r ROUNDS] [-z ZONES] [-d DOMAINS]
#
# EVERMX_BUILD   where evermxd and load are, default build
#
# Zone sets are made in a folder of its own; for each, evermxd and load's echo run on loopback, on a core of
# their own where there are two. All are measured in short slices, one after another and all round again, so
# that whatever else the machine does hits them alike. One table comes out; its columns are explained below it.
# Exit status: 0 measured, 1 wrong answers, or it cannot run.

set -u
export LC_ALL=C

repository=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || exit 1
build=$(cd "$repository" && cd "${EVERMX_BUILD:-build}" && pwd -P) || exit 1
readonly SLICE_S=0.25 WARM_UP_S=0.08 RATE=20000 QUERIES=50000 START_LIMIT_S=60
rounds=9 zones=20000 domains=1000000
readonly LIMIT_S=36 ROUNDS_LEAST=3 # on a machine with much else to do, fewer rounds

usage() {
    sed -n 's/^#   \(tests.*\)/usage: \1/p' "$0" >&2
    exit 2
}
while getopts r:z:d: option; do
    case $option in
    r) rounds=$OPTARG ;;
    z) zones=$OPTARG ;;
    d) domains=$OPTARG ;;
    *) usage ;;
    esac
    case $OPTARG in '' | *[!0-9]* | 0*) usage ;; esac
done
[ $OPTIND -gt $# ] || usage

work=$(mktemp -d "${TMPDIR:-/tmp}/evermx-bench.XXXXXX") || exit 1
started=()

end_all() {
    local try
    if [ ${#started[@]} -gt 0 ]; then
        kill -TERM "${started[@]}" 2>/dev/null
        for try in {1..50}; do
            kill -0 "${started[@]}" 2>/dev/null || break # status 1: none is there any more
            [ "$try" -lt 50 ] || kill -KILL "${started[@]}" 2>/dev/null
            sleep 0.1
        done
        wait 2>/dev/null
    fi
    rm -rf "$work"
}
trap end_all EXIT
trap 'exit 130' INT TERM

fail() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

say() { # progress, where somebody watches
    [ ! -t 2 ] || printf '\r\033[K%s' "$*" >&2
}

# ---- the machine ----

# The CPUs that we may use, one a line.
allowed_cpus() {
    local part
    for part in $(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status | tr , ' '); do
        seq "${part%-*}" "${part#*-}"
    done
}

choose_cores() {
    local cpus
    mapfile -t cpus < <(allowed_cpus)
    pin=() client=() cores=1
    [ ${#cpus[@]} -ge 2 ] && command -v taskset >/dev/null || return
    cores=2
    pin=(taskset -c "${cpus[0]}")
    client=(--cpu "${cpus[1]}" --spin)
}

free_port() { # sets port
    port=${port:-20619}
    while port=$((port + 1)); do
        [ "$port" -lt 21000 ] || fail "no free port"
        ss -Hlntu "sport = $port" 2>/dev/null | grep -q . || return
    done
}

# ---- zone sets: each writes zone files, the `zones:` of a configuration, and queries ----

# One zone with four mail hosts.
make_one() { # FOLDER
    printf -- '- %s/zone\n' "$1" >"$1/zones.yaml"
    awk -v n="$QUERIES" -v folder="$1" 'BEGIN {
        srand(7); zone = folder "/zone"; queries = folder "/queries"
        print "$ORIGIN example.test.\n$TTL 30\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A 192.0.2.1" >zone
        for (i = 1; i <= 4; i++)
            printf "@ MX %d mx%d\nmx%d A 192.0.2.%d\nmx%d AAAA 2001:db8::%d\n", 10 * i, i, i, 10 + i, i, 10 + i >zone
        for (k = 0; k < n; k++) {
            share = rand(); i = 1 + int(rand() * 4)
            if (share < .60) print "example.test MX 0" >queries
            else if (share < .85) print "mx" i ".example.test A 0" >queries
            else if (share < .95) print "mx" i ".example.test AAAA 0" >queries
            else print "nx" int(rand() * 90000) ".example.test A NXDOMAIN" >queries
        } }'
}

# Many customer zones, each a file, whose MX point to one pool.
make_many() { # FOLDER
    mkdir "$1/zones"
    awk -v n="$QUERIES" -v folder="$1" -v zones="$zones" 'BEGIN {
        srand(7); list = folder "/zones.yaml"; queries = folder "/queries"
        head = "$TTL 300\n@ SOA ns.mailpool.test. hostmaster.mailpool.test. 1 3600 600 86400 300\n@ NS ns.mailpool.test.\n"
        file = folder "/zones/mailpool.test"
        print "- " file >list
        printf "$ORIGIN mailpool.test.\n%sns A 192.0.2.1\n", head >file
        for (i = 1; i <= 3; i++)
            printf "@ MX %d mx%d\nmx%d A 192.0.2.%d\nmx%d AAAA 2001:db8::%d\n", 10 * i, i, i, 10 + i, i, 10 + i >file
        close(file)
        for (i = 0; i < zones; i++) {
            file = folder "/zones/customer" i ".test"
            print "- " file >list
            printf "$ORIGIN customer%d.test.\n%s", i, head >file
            for (k = 1; k <= 3; k++) printf "@ MX %d mx%d.mailpool.test.\n", 10 * k, k >file
            printf "@ A 198.51.100.%d\nwww A 198.51.100.%d\nwww AAAA 2001:db8:1::%x\n", i % 254 + 1, i % 254 + 1, i % 65536 >file
            close(file)
        }
        for (k = 0; k < n; k++) {
            share = rand(); zone = "customer" int(rand() * zones) ".test"
            if (share < .60) print zone " MX 0" >queries
            else if (share < .75) print "mx" 1 + int(rand() * 3) ".mailpool.test A 0" >queries
            else if (share < .85) print "www." zone " A 0" >queries
            else if (share < .95) print "www." zone " AAAA 0" >queries
            else print "nx" int(rand() * 900) "." zone " A NXDOMAIN" >queries
        } }'
}

# Very many domains, all made from one template.
make_template() { # FOLDER
    printf -- '- {file: %s/zone, names: %s/domains}\n- %s/pool\n' "$1" "$1" "$1" >"$1/zones.yaml"
    awk -v n="$QUERIES" -v folder="$1" -v domains="$domains" 'BEGIN {
        srand(7); zone = folder "/zone"; pool = folder "/pool"; list = folder "/domains"; queries = folder "/queries"
        head = "@ SOA ns.mailpool.test. hostmaster.mailpool.test. 1 3600 600 86400 60\n@ NS ns.mailpool.test."
        print "$TTL 60\n" head "\n@ A 198.51.100.1\nwww A 198.51.100.1\nwww AAAA 2001:db8:1::1" >zone
        print "$ORIGIN mailpool.test.\n$TTL 60\n" head "\nns A 192.0.2.1" >pool
        for (i = 1; i <= 3; i++) {
            printf "@ MX %d mx%d.mailpool.test.\n", 10 * i, i >zone
            printf "mx%d A 192.0.2.%d\nmx%d AAAA 2001:db8::%d\n", i, 10 + i, i, 10 + i >pool
        }
        for (i = 0; i < domains; i++) print "domain" i ".test" >list
        for (k = 0; k < n; k++) {
            share = rand(); name = "domain" int(rand() * domains) ".test"
            if (share < .60) print name " MX 0" >queries
            else if (share < .75) print "mx" 1 + int(rand() * 3) ".mailpool.test A 0" >queries
            else if (share < .85) print "www." name " A 0" >queries
            else if (share < .95) print "www." name " AAAA 0" >queries
            else print "nx" int(rand() * 900) "." name " A NXDOMAIN" >queries
        } }'
}

# ---- servers ----

declare -A pid_of address_of # by "SET SERVER"

launch() { # SET SERVER WORD FILE COMMAND...: until the word is in the file
    local key="$1 $2" word=$3 file=$4 end=$((SECONDS + START_LIMIT_S))
    shift 4
    : >"$file"
    "${pin[@]}" "$@" >>"$file" 2>&1 </dev/null &
    pid_of[$key]=$!
    started+=($!)
    until grep -q "$word" "$file"; do
        kill -0 "${pid_of[$key]}" 2>/dev/null || fail "$key did not start: $(tail -n 3 "$file")"
        [ "$SECONDS" -lt "$end" ] || fail "$key is not ready after $START_LIMIT_S s"
        sleep 0.005
    done
}

start_evermxd() { # SET
    local folder=$work/$1 before
    free_port
    address_of["$1 evermxd"]=127.0.0.1@$port
    {
        echo "server: {listen: [\"127.0.0.1@$port\"], workers: 1, control: $folder/control, probing: off}"
        echo "zones:"
        sed 's/^/  /' "$folder/zones.yaml"
    } >"$folder/evermx.yaml"
    before=$(date +%s%N)
    launch "$1" evermxd ' ready on ' "$folder/log" "$build/evermxd" -c "$folder/evermx.yaml"
    echo "$1 evermxd start load_s=$(awk "BEGIN { print ($(date +%s%N) - $before) / 1e9 }")" \
        "kib=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${pid_of["$1 evermxd"]}/status")" >>"$work/results"
}

start_ceiling() { # SET
    free_port
    address_of["$1 ceiling"]=127.0.0.1@$port
    launch "$1" ceiling ready "$work/$1/echo" "$build/load" --echo --seconds 600 "127.0.0.1@$port"
}

check_answers() { # SET
    local out
    out=$("$build/load" -n 20000 -f "$work/$1/queries" "${address_of["$1 evermxd"]}" 2>&1) || fail "$1: $out"
}

# ---- slices ----

slice() { # SET SERVER KIND OPTION...
    local key="$1 $2" kind=$3 out unchecked=()
    shift 3
    [ "${key#* }" = evermxd ] || unchecked=(--unchecked)
    out=$("$build/load" -b "${client[@]}" "${unchecked[@]}" -l "$SLICE_S" -u "$WARM_UP_S" --timeout 0.5 \
        -p "${pid_of[$key]}" -f "$work/${key% *}/queries" "$@" "${address_of[$key]}" 2>&1)
    [ $? -le 1 ] || fail "$key, $kind: $out"
    echo "$key $kind $out" >>"$work/results"
}

measure_round() {
    local set server
    for set in "${sets[@]}"; do
        for server in ceiling evermxd; do
            slice "$set" "$server" udp --train 16
            slice "$set" "$server" tcp --tcp
        done
        slice "$set" evermxd rate --rate "$RATE"
    done
}

choose_cores
sets=(one many template)
for set in "${sets[@]}"; do
    say "making and loading zones: $set"
    mkdir "$work/$set"
    "make_$set" "$work/$set" || fail "making zones"
    start_ceiling "$set"
    start_evermxd "$set"
    check_answers "$set"
done
for ((round = 1; round <= rounds; round++)); do
    say "measuring: round $round of $rounds"
    measure_round
    [ "$SECONDS" -lt "$LIMIT_S" ] || [ "$round" -lt "$ROUNDS_LEAST" ] || break
done
[ "$round" -le "$rounds" ] || round=$rounds
say
awk -v cores="$cores" -v zones="$zones" -v domains="$domains" -v rounds="$round" -v rate="$RATE" -v slice="$SLICE_S" \
    -v version="$("$build/evermxd" -V)" -v cpu="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    -f "$repository/tests/bench/table.awk" "$work/results"
