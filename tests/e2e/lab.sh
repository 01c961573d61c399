#!/bin/bash
# lab.sh - runs real mail servers and a resolver from Debian packages, for tests.
#
# Nothing is installed. The packages are downloaded and unpacked below build/lab, and each instance
# runs in a directory of its own by chroot. No mount, namespace or cgroup is used (but where device
# files cannot be made, or spool= is asked for), so the lab also works in a plain container; only root is needed. The network
# is the machine's own, but an instance listens on its loopback address only and has no means to send
# mail or DNS queries off the machine. Any user name logs in to Dovecot with the password "lab"; mail
# to anything@lab.test is accepted and discarded.
#
#   lab.sh fetch                           download and unpack (start does it by itself), and the DNS servers
#                                          that tests/differential compares with
#   lab.sh start postfix NAME ADDRESS [submission=1] [smtps=1] [postscreen=1] [maxproc=N]
#                                          [spool=SIZE] [MAIN_CF_KEY=VALUE ...]
#                                          maxproc of smtpd; spool: a tmpfs for the queue
#   lab.sh start dovecot NAME ADDRESS [lmtp=1] [sasl=PORT] [extra=TEXT] [DOVECOT_CONF_KEY=VALUE ...]
#                                          sasl: for Postfix's smtpd_sasl_path=inet:ADDRESS:PORT
#   lab.sh start exim NAME ADDRESS [EXIM_CONF_KEY=VALUE ...]
#   lab.sh start unbound NAME ADDRESS PORT DNS_ADDRESS@DNS_PORT DOMAIN ... [UNBOUND_CONF_KEY=VALUE ...]
#                                          the mail servers also take cert=FILE key=FILE (PEM), and
#                                          wait=connect for one that is not meant to greet
#   lab.sh stop NAME                       orderly, as the operator would
#   lab.sh restart NAME                    the same files again, after stop, kill or while running
#   lab.sh reload NAME                     SIGHUP to the master
#   lab.sh kill NAME                       kill -9 of all processes
#   lab.sh kill-master NAME                kill -9 of the master alone
#   lab.sh pause NAME, continue NAME       SIGSTOP, SIGCONT of all processes
#   lab.sh signal NAME SIGNAL PROGRAM ...  to single programs, e.g. STOP qmgr
#   lab.sh exec NAME COMMAND ...           a program of the instance, e.g. postconf -e KEY=VALUE
#   lab.sh status, pids NAME, log NAME, root NAME, cert
#   lab.sh cleanup                         kills all instances and removes their files, keeps NAME.log
#   lab.sh run COMMAND ...                 cleanup, COMMAND, cleanup; the status is COMMAND's
#
# start and restart return when each port answers, be it by 220 or 421. kill, kill-master, pause, continue
# and signal return when it is true and print "done MS", CLOCK_MONOTONIC in milliseconds at that moment.
#
# Exit status: 0 done, 1 failed, 2 wrong usage, 77 not root (the test should be skipped).
#
# LAB_DIR    where the instances live, default build/lab/run; each test program takes its own
# LAB_CACHE  packages, unpacked trees and the certificate, default build/lab; shared, only read

set -u
case ${1:-help} in
    help | -h | --help) ;;
    *)
        if [ "$EUID" -ne 0 ]; then
            echo "skipped: needs root"
            exit 77
        fi ;;
esac
LC_ALL=C
export LC_ALL
umask 022
PATH=$PATH:/usr/sbin:/sbin
unset CDPATH

# Sets variable $1 to path $2 without symbolic links, for paths are compared with what the kernel says of
# processes. The common case forks nothing: kill and pause have to be quick.
resolve_path() {
    local here=$PWD
    if cd -P -- "$2" 2>/dev/null; then
        printf -v "$1" %s "$PWD"
        cd -- "$here" || exit 1
    else
        printf -v "$1" %s "$(readlink -m -- "$2")"
    fi
}

resolve_path lab_home "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}."
repository=${lab_home%/tests/e2e}
resolve_path lab_cache "${LAB_CACHE:-$repository/build/lab}"
resolve_path lab_dir "${LAB_DIR:-$lab_cache/run}"
server_kinds="postfix dovecot exim unbound"

readonly START_DEADLINE_MS=20000
readonly STOP_DEADLINE_MS=10000

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$lab_home/lab.sh"
}

die() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}

wrong_usage() {
    printf 'lab: %s (see lab.sh help)\n' "$*" >&2
    exit 2
}

# Sets now_ms to CLOCK_MONOTONIC. /proc/uptime has a grain of 10 ms, so it is only for kernels and
# containers that hide the timer list.
read_clock() {
    local line
    now_ms=
    if { read -r line && read -r line && read -r line; } 2>/dev/null </proc/timer_list &&
            [[ $line =~ ^now\ at\ ([0-9]+)\ nsecs ]]; then
        now_ms=$((BASH_REMATCH[1] / 1000000))
    else
        read -r line _ </proc/uptime
        now_ms=$((10#${line/./} * 10))
    fi
}

. "$lab_home/lab/fetch.sh"
. "$lab_home/lab/process.sh"
. "$lab_home/lab/ports.sh"
. "$lab_home/lab/instance.sh"
for kind in $server_kinds; do
    . "$lab_home/lab/$kind.sh"
done

# The cleanup also happens when this shell is killed -9: the guard process then reads the end of file
# of a pipe that only this shell holds open.
run_command() {
    local child='' status=0 guard
    cleanup_all
    exec {guard}> >(trap '' INT TERM HUP; read -r word; [ "${word:-}" = clean ] || cleanup_all)
    trap 'cleanup_all; echo clean >&"$guard"' EXIT
    trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 130' INT
    trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 143' TERM HUP
    # In the background, so that the traps need not wait for the command; bash lets background commands
    # ignore SIGINT, which is undone.
    LAB_DIR=$lab_dir LAB_CACHE=$lab_cache \
        env --default-signal=INT,QUIT "$@" <&0 {guard}>&- &
    child=$!
    wait "$child" || status=$?
    exit "$status"
}

main() {
    local verb=${1:-help}
    [ $# -gt 0 ] && shift
    case $verb in
        help | -h | --help) usage ;;
        fetch) fetch_all ;;
        cert) fetch_all && echo "$lab_cache/cert/lab.pem" ;;
        start) instance_start "$@" ;;
        status) print_status ;;
        cleanup) cleanup_all ;;
        run) [ $# -gt 0 ] || wrong_usage "run needs a command"; run_command "$@" ;;
        stop | restart | reload | kill | kill-master | pause | continue | signal | exec | pids | log | root)
            [ $# -gt 0 ] || wrong_usage "$verb needs the name of an instance"
            instance_load "$1"
            shift
            "instance_${verb/-/_}" "$@" ;;
        *) wrong_usage "$verb is no command" ;;
    esac
}

main "$@"
