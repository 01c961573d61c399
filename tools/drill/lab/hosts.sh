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
    prepare_breaks
}

both() { # VERB: of Postfix and Dovecot on the first host, at the same time
    become_in_ns mx1 "$servers_home/lab.sh" "$1" mx1-imap >/dev/null &
    in_ns mx1 "$servers_home/lab.sh" "$1" mx1 >/dev/null && wait $!
}

# What makes the host break in a moment: times count from the beginning of the command. Sets what `break` and `mend` need.
prepare_breaks() {
    mail_root=$(servers root mx1) || return
    local folder=$mail_root/etc/postfix
    cp "$folder/main.cf" "$folder/main.well" && cp "$folder/main.cf" "$folder/main.421" || return
    printf '%s\n' 'smtpd_client_restrictions = check_client_access static:{421 4.3.2 Service not available}' \
        'smtpd_delay_reject = no' >>"$folder/main.421"
    # What is newer than two seconds is read again and again.
    touch -d '1 minute ago' "$folder"/main.*
    # Postfix takes no mail where less is left than 1.5 times its longest message, 15 of these 64 MB.
    case " $kinds " in *" disk-full "*) fill ballast count=46 ;; esac
}

fill() { # FILE LIMIT
    dd if=/dev/zero of="$mail_root/var/spool/postfix/$1" bs=1M "${@:2}" 2>/dev/null
}

# As `postfix reload` does, of which a file and a signal are the part that counts.
configure() { # well | 421
    local master folder=$mail_root/etc/postfix
    [ "$folder/main.$1" -ef "$folder/main.cf" ] || ln -f "$folder/main.$1" "$folder/main.cf" || return
    read -r master <"$mail_root/var/spool/postfix/pid/master.pid" &&
        [ "/proc/$master/root" -ef "$mail_root" ] && kill -HUP "$master"
}

break_host() { # KIND
    case $1 in
    kill) both kill ;;
    stop) both stop ;;
    power) power_off ;;
    blackhole) drop_packets ;;
    hang) both pause ;;
    421) configure 421 ;;
    disk-full) fill full || true ;;
    queue-stuck) servers signal mx1 STOP qmgr >/dev/null ;;
    esac
}

mend_host() { # KIND
    case $1 in
    kill | stop) both restart ;;
    power) power_on ;;
    blackhole) pass_packets ;;
    hang) both continue ;;
    421) configure well ;;
    disk-full) rm -f "$mail_root/var/spool/postfix/full" ;;
    queue-stuck) servers signal mx1 CONT qmgr >/dev/null ;;
    esac
}
