# A mail server that sends, and what is put into it: a message each second. Sourced by failover-lab.sh.
#
# It is Postfix as Debian has it, and knows lab.test by its resolver alone. What became of each message stands in its
# log; the recipient's name tells when it was sent, in milliseconds, as $results/sent-SYSTEM does.

start_sender() { # SYSTEM NUMBER RESOLVER
    local name=sender-$1 address=$clients.$((100 + $2)) root
    ip -n clients addr add "$address/32" dev wire
    in_ns clients "$servers_home/lab.sh" start postfix "$name" "$address" default_transport=smtp local_transport=error \
        mydestination= mynetworks=203.0.113.0/24 disable_dns_lookups=no smtp_dns_support_level=enabled \
        "smtp_bind_address=$address" smtpd_peername_lookup=no || return
    root=$(servers root "$name")
    echo 'smtp unix - - n - - smtp' >>"$root/etc/postfix/master.cf"
    printf 'nameserver %s\n' "$3" >"$root/etc/resolv.conf"
    in_ns clients "$servers_home/lab.sh" restart "$name" || return
    feed_sender "$1" "$address" &
    senders+=("$name")
}
senders=()

# One session for all messages; a new one where it ends. By the shell's own means: it must not cost the processors that
# all the others share.
feed_sender() { # SYSTEM ADDRESS
    local line now next=0 pause=
    exec {pause}<> <(:)
    while :; do
        exec {mail}<>/dev/null
        open_session "$2" && while :; do
            now=${EPOCHREALTIME/./}
            now=$((now / 1000))
            [ "$next" -gt "$((now - 1000))" ] || next=$now
            [ "$next" -le "$now" ] || read -r -t "$(((next - now) / 1000)).$(printf %03d $(((next - now) % 1000)))" -u "$pause" line
            next=$((next + 1000))
            send_message "$1" || break
        done
        exec {mail}>&-
        sleep 0.2
    done
} 2>/dev/null

open_session() { # ADDRESS
    exec {mail}<>"/dev/tcp/$1/25" && hear && say "HELO feeder.lab.test"
}

hear() {
    local line=
    while read -r -t 10 -u "$mail" line && [[ $line == ???-* ]]; do :; done
    [[ $line == [23]* ]]
}

say() {
    printf '%s\r\n' "$1" >&"$mail" && hear
}

send_message() { # SYSTEM
    local sent_ms=$((${EPOCHREALTIME/./} / 1000))
    say 'MAIL FROM:<>' && say "RCPT TO:<lab+t$sent_ms@lab.test>" && say DATA &&
        say "From: <lab@lab.test>
Subject: sent at $sent_ms

How long does it take?
." && echo "$sent_ms" >>"$results/sent-$1"
}
