# shellcheck shell=bash
# Plug for the benchmark of DNS servers: as evermx.sh, but the mail hosts are alive and probed, and their pools
# are weighted: each MX answer is one of many variants.
#
# The zones' mail hosts have addresses that nobody may send to. So the plug copies the zones: mxN gets 127.0.77.N
# and ::1, where a mail host listens on a port of its own, and all MX one preference, since weights choose among
# equals. The queries fit both. load s includes the copying, and waiting until all hosts are known to be up.
#
# Probes run beside the answers, every 2 s as usual. Where instructions are counted (valgrind), each target is
# probed before the first query, without TLS, and then not for an hour, so that the figure is the answers' alone:
# valgrind makes seconds of a few thousand queries, and probes of CHECK_INTERVAL=2s then add more to each of them
# than its answer takes.
plug_port() {
    echo $((PORT + 3000)) # of the mail hosts: beyond those of all other plugs
}

plug_zones() {
    cp -R "$ZONEDIR/zones" "$WORK/zones"
    find "$WORK/zones" -type f -print0 | xargs -0 sed -i -E \
        -e 's/^mx([0-9]+) A .*/mx\1 A 127.0.77.\1/; s/^mx([0-9]+) AAAA .*/mx\1 AAAA ::1/; s/^@ MX [0-9]+ /@ MX 10 /'
}

plug_config() {
    local interval=2s tls=optional pool=mailpool.test host weight=7
    case ${PIN:-} in *valgrind*) interval=1h tls=off ;; esac
    interval=${CHECK_INTERVAL:-$interval}
    [ -e "$WORK/zones/$pool" ] || pool=example.test
    echo "server: {listen: [\"127.0.0.1@$PORT\"], workers: 1, control: $WORK/control.sock, rate-limit: off}"
    echo "zones:"
    sed "s#^#  - $WORK/zones/#" "$ZONEDIR/zones.list"
    echo "checks: {smtp: {port: $(plug_port), interval: $interval, service-interval: $interval, recheck: 500ms, tls: $tls}}"
    echo "hosts:"
    for host in $(sed -n 's/^\(mx[0-9]*\) A .*/\1/p' "$WORK/zones/$pool"); do
        echo "  $host.$pool: {weight: $weight}"
        weight=$((weight - 2))
    done
    echo "policies: [{match: \"* MX\", mx-weighting: prefer}]"
}

# All are probed, and none is down.
plug_is_up() {
    local status
    status=$("${EVERMXCTL:-build/evermxctl}" -s "$WORK/control.sock" --json status 2>/dev/null) || return 1
    grep -q '"known": true' <<<"$status" && ! grep -qE '"known": false|"verdict": "(down|suspect)"' <<<"$status"
}

plug_start() {
    plug_zones
    plug_config >"$WORK/evermx.yaml"
    "${MAILHOST:-build/mailhost}" --listen "smtp:127.0.77.1@$(plug_port)" --listen "smtp:127.0.77.2@$(plug_port)" \
        --listen "smtp:127.0.77.3@$(plug_port)" --listen "smtp:127.0.77.4@$(plug_port)" \
        --listen "smtp:[::1]@$(plug_port)" </dev/null >"$WORK/mailhost.log" 2>&1 &
    echo $! >"$WORK/helper"
    $PIN "${EVERMXD:-build/evermxd}" -c "$WORK/evermx.yaml" >"$WORK/log" 2>&1 &
    echo $! >"$WORK/pid"
    local end=$((SECONDS + 40)) # run-peers waits for a minute in all
    case ${PIN:-} in *valgrind*) end=$((SECONDS + 400)) ;; esac
    while [ "$SECONDS" -lt "$end" ]; do
        plug_is_up && return
        kill -0 "$(cat "$WORK/pid")" || return
        sleep 0.2
    done
    echo "the mail hosts are not all up: what would be measured is not what it should be" >>"$WORK/log"
    kill "$(cat "$WORK/pid")"
}
