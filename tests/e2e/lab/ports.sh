# Ports that are taken, and ports that greet. Sourced by lab.sh.

# Loopback, or an address for documentation (RFC 5737), which a test has given to an interface of its own.
is_local() {
    [[ $1 =~ ^127(\.[0-9]{1,3}){3}$ || $1 == ::1 || $1 =~ ^(192\.0\.2|198\.51\.100|203\.0\.113)\.[0-9]{1,3}$ ]]
}

# Prints who listens on address $1, transport $2 (tcp or udp), port $3, if anyone.
port_holder() {
    local letter=${2:0:1} literal=$1 wildcard=0.0.0.0
    case $1 in *:*) literal="[$1]" wildcard='[::]' ;; esac
    ss -Hln"$letter"p "sport = :$3" | awk -v own="$literal:$3" -v all="$wildcard:$3" -v any="*:$3" \
        '$4 == own || $4 == all || $4 == any { print $4, $6; exit }'
}

# Each port of the instance is written PORT/GREETING, see answers.
check_ports_free() {
    local entry transport holder
    for entry in "${ports[@]}"; do
        transport=tcp
        [ "${entry#*/}" = dns ] && transport=udp
        holder=$(port_holder "$address" "$transport" "${entry%/*}")
        [ -z "$holder" ] || die "cannot start $name: port ${entry%/*} of $address is taken by $holder"
    done
}

# A start that failed shows by an instance without a process; a second is given to a daemon to write the
# pid file, which find_by_session may need.
wait_for_answers() {
    local entry started
    read_clock
    started=$now_ms
    for entry in "${ports[@]}"; do
        until answers "${entry%/*}" "${entry#*/}"; do
            read_clock
            [ $((now_ms - started)) -lt "$START_DEADLINE_MS" ] || return 1
            remember_session
            instance_processes
            [ ${#pids[@]} -gt 0 ] || [ $((now_ms - started)) -lt 1000 ] || return 1
            sleep 0.02
        done
    done
    remember_session
}

# One attempt; fails when the port $1 does not answer as $2 asks. It says goodbye, so that the server's
# limits for bad clients are not touched; to postscreen it does not, which would remember the client as
# a good one and skip its tests for whoever comes next from that address.
answers() {
    case $2 in
        tcp) answers_line "$1" '' '' ;;
        smtp) answers_line "$1" '[245][0-9][0-9] ' 'QUIT' ;;
        postscreen) answers_line "$1" '[245][0-9][0-9][- ]' '' ;;
        imap) answers_line "$1" '\* ' 'a LOGOUT' ;;
        pop3) answers_line "$1" '[+-]' 'QUIT' ;;
        smtps) answers_tls "$1" '[245][0-9][0-9] ' 'QUIT' ;;
        imaps) answers_tls "$1" '\* ' 'a LOGOUT' ;;
        pop3s) answers_tls "$1" '[+-]' 'QUIT' ;;
        dns) answers_dns "$1" ;;
    esac
}

answers_line() (
    exec 2>/dev/null {peer}<>"/dev/tcp/$address/$1" || exit 1
    [ -n "$2" ] || exit 0
    read -r -t 10 -u "$peer" line && [[ $line =~ ^$2 ]] || exit 1
    [ -n "$3" ] || exit 0
    printf '%s\r\n' "$3" >&"$peer"
    while read -r -t 2 -u "$peer" _; do :; done
    exit 0
)

answers_tls() {
    local literal=$address
    case $address in *:*) literal="[$address]" ;; esac
    printf '%s\r\n' "$3" |
        timeout 10 openssl s_client -quiet -connect "$literal:$1" 2>/dev/null | grep -q "^$2"
}

# A query for version.bind TXT CH; any answer with its id will do.
answers_dns() (
    exec 2>/dev/null {peer}<>"/dev/udp/$address/$1" || exit 1
    printf 'LB\1\0\0\1\0\0\0\0\0\0\7version\4bind\0\0\20\0\3' >&"$peer"
    read -r -t 0.5 -N 2 -u "$peer" id && [ "$id" = LB ]
)
