#!/bin/bash
# test_polite.sh - 100 probes each of a real Postfix, one behind postscreen, and a Dovecot leave no line in their logs
# that speaks of an impolite client.
#
# EVERMX_BUILD   where the programs are, default build
set -u
LC_ALL=C
export LC_ALL
cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
if [ "$EUID" != 0 ]; then
    echo "needs root: real mail servers listen on port 25"
    exit 77
fi
[ -n "${EVERMX_APART:-}" ] || EVERMX_APART=must exec tests/e2e/apart.sh tests/e2e/test_polite.sh
build=${EVERMX_BUILD:-build}
export LAB_CACHE=${LAB_CACHE:-$PWD/build/lab} LAB_DIR=${LAB_DIR:-$PWD/$build/lab/test_polite.sh}
work=$(mktemp -d) || exit 1
readonly PROBES=100 DEADLINE_S=60
. tests/support/started.sh
trap 'tests/e2e/lab.sh cleanup; clean_up' EXIT

lab() { tests/e2e/lab.sh "$@" >/dev/null; }

lab start postfix plain 127.9.40.1 || exit 1
lab start postfix screened 127.9.40.2 postscreen=1 postscreen_greet_action=enforce || exit 1
lab start dovecot mailbox 127.9.40.3 || exit 1
printf '%s\n' '$ORIGIN example.test.' '$TTL 300' '@ SOA ns1 h 1 3600 600 86400 5' '@ NS ns1' 'ns1 A 127.0.0.1' \
    '@ MX 10 plain' '@ MX 10 screened' 'plain A 127.9.40.1' 'screened A 127.9.40.2' 'mailbox A 127.9.40.3' \
    '_imap._tcp SRV 0 1 143 mailbox' '_imaps._tcp SRV 0 1 993 mailbox' >"$work/example.zone"
printf 'user: probe\npassword: lab\n' >"$work/credentials"
chmod 600 "$work/credentials"
cat >"$work/evermx.yaml" <<END
server: {listen: ["127.0.0.1@24660"], control: $work/control.sock, ca-file: $LAB_CACHE/cert/lab.pem}
zones: [example.zone]
checks:
  smtp: {interval: 200ms, service-interval: 1s, probe-recipient: probe@lab.test}
  imap: {interval: 200ms, service-interval: 1s, credentials: credentials}
  imaps: {interval: 200ms, service-interval: 1s, credentials: credentials}
END
# What the lab itself has left there by waiting for an answer is not ours.
declare -A before
for server in plain screened mailbox; do before[$server]=$(tests/e2e/lab.sh log "$server" | wc -l); done
start_ready "$work/log" "$build/evermxd" -c "$work/evermx.yaml"
daemon=$pid
ctl() { "$build/evermxctl" -s "$work/control.sock" "$@"; }
probed() { [ "$(ctl status --json 2>/dev/null | jq ".targets | length == 4 and all(.probes >= $PROBES)")" = true ]; }
within probed
is "targets that had $PROBES probes, and are well" 4 \
    "$(ctl status --json | jq "[.targets[] | select(.probes >= $PROBES and .verdict == \"up\" and .failures == 0)] | length")"
kill "$daemon"
wait "$daemon"
sleep 0.5 # the last sessions are logged
for server in plain screened mailbox; do
    log=$(tests/e2e/lab.sh log "$server" | tail -n +$((before[$server] + 1)))
    is "$server: impolite" "" "$(grep -iE -m 3 \
        'lost connection|PREGREET|improper command pipelining|HANGUP|non-SMTP command|too many errors|SSL_accept error|TLS library problem' <<<"$log")"
    is "$server: heard of us" yes "$(grep -qE 'disconnect from|Login:|Aborted login|Disconnected' <<<"$log" && echo yes)"
done

tell_counts
