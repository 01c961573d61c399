#!/bin/bash
# test_drill_breaks.sh - what `evermx-drill lab` does to a mail host so that it fails at once: a real Postfix greets with
# 421, or has no space, as soon as the command has ended, which starts no program of the host. About 5 seconds.
set -u
LC_ALL=C
export LC_ALL
cd "${BASH_SOURCE[0]%/*}/../.." || exit 1
if [ "$EUID" != 0 ]; then
    echo "needs root: a real mail server listens on port 25"
    exit 77
fi
[ -n "${EVERMX_APART:-}" ] || EVERMX_APART=must exec tests/e2e/apart.sh tests/e2e/test_drill_breaks.sh
export LAB_CACHE=${LAB_CACHE:-$PWD/build/lab} LAB_DIR=${LAB_DIR:-$PWD/build/lab/test_drill_breaks.sh}
work=$(mktemp -d) || exit 1
. tests/support/started.sh
servers_home=$PWD/tests/e2e kinds="421 disk-full"
trap '"$PWD/tests/e2e/lab.sh" cleanup; clean_up' EXIT
. tools/drill/lab/hosts.sh
readonly HOST=127.9.41.1

# Sets `greeted` and `mailed`: the codes of the greeting and of the reply to MAIL.
talk() {
    local line mail
    exec {mail}<>"/dev/tcp/$HOST/25" || return
    read -r -t 5 -u "$mail" line
    greeted=${line%% *} mailed=
    if [ "$greeted" = 220 ]; then
        printf 'HELO test\r\n' >&"$mail"
        read -r -t 5 -u "$mail" line
        printf 'MAIL FROM:<>\r\n' >&"$mail"
        read -r -t 5 -u "$mail" line
        mailed=${line%% *}
    fi
    printf 'QUIT\r\n' >&"$mail"
    exec {mail}>&-
}

says() { # GREETING MAIL
    talk && [ "$greeted $mailed" = "$1 $2" ]
}

# A reload may take a moment; a slow machine's, longer.
soon_says() { # WHAT GREETING MAIL
    DEADLINE_S=5 within says "$2" "$3"
    is "$1" "$2 $3" "$greeted $mailed"
}

"$servers_home/lab.sh" start postfix mx1 "$HOST" spool=64M >/dev/null || exit 1
prepare_breaks
is "prepared: status" 0 $?
talk
is "prepared: it is well" "220 250" "$greeted $mailed"
servers_home=/nowhere # from here on there is no time for that

for round in 1 2; do
    break_host 421
    is "$round: 421: status" 0 $?
    soon_says "$round: 421: at the greeting" 421 ""
    mend_host 421
    is "$round: 421: mended" 0 $?
    soon_says "$round: 421: well again" 220 250
done
# As after an early end.
mend_host 421
is "421: mended twice" 0 $?
soon_says "421: well all the same" 220 250

break_host disk-full
is "disk-full: status" 0 $?
talk
is "disk-full: at once" "220 452" "$greeted $mailed"
is "disk-full: nothing is left" 0 "$(df --output=avail "$mail_root/var/spool/postfix" | tail -n 1 | tr -d ' ')"
mend_host disk-full
is "disk-full: mended" 0 $?
talk
is "disk-full: well at once" "220 250" "$greeted $mailed"

tell_counts
