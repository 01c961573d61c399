# The mail hosts: Postfix and Dovecot, each pair in a network of its own; and how the first of them is broken. Sourced
# by failover-lab.sh.

servers() { # lab.sh's arguments
    "$servers_home/lab.sh" "$@"
}

# The queue is a file system of its own, so that it can be filled; mail goes on to Dovecot, so that a stuck queue shows.
start_hosts() {
    local host address
    for host in mx1 mx2; do
        address=${address_of[$host]}
        in_ns "$host" "$servers_home/lab.sh" start dovecot "$host-imap" "$address" lmtp=1 disable_plaintext_auth=no &&
            in_ns "$host" "$servers_home/lab.sh" start postfix "$host" "$address" spool=64M \
                "local_transport=lmtp:inet:[$address]:24" || return
    done
}

both() { # VERB: of Postfix and Dovecot on the first host, at the same time
    become_in_ns mx1 "$servers_home/lab.sh" "$1" mx1-imap >/dev/null &
    in_ns mx1 "$servers_home/lab.sh" "$1" mx1 >/dev/null && wait $!
}

conf() { # postconf's arguments
    in_ns mx1 "$servers_home/lab.sh" exec mx1 postconf "$@" && in_ns mx1 "$servers_home/lab.sh" reload mx1
}

queue_folder() {
    echo "$(servers root mx1)/var/spool/postfix"
}

break_host() { # KIND
    case $1 in
    kill) both kill ;;
    stop) both stop ;;
    power) power_off ;;
    blackhole) drop_packets ;;
    hang) both pause ;;
    421) conf -e 'smtpd_client_restrictions=check_client_access static:{421 4.3.2 Service not available}' \
        smtpd_delay_reject=no ;;
    disk-full) dd if=/dev/zero of="$(queue_folder)/full" bs=64k 2>/dev/null || true ;;
    queue-stuck) servers signal mx1 STOP qmgr >/dev/null ;;
    esac
}

mend_host() { # KIND
    case $1 in
    kill | stop) both restart ;;
    power) power_on ;;
    blackhole) pass_packets ;;
    hang) both continue ;;
    421) conf -X smtpd_client_restrictions smtpd_delay_reject ;;
    disk-full) rm -f "$(queue_folder)/full" ;;
    queue-stuck) servers signal mx1 CONT qmgr >/dev/null ;;
    esac
}
