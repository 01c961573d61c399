# Postfix. Sourced by lab.sh.

postfix_prepare() {
    forbid_words
    forbid_options inet_interfaces inet_protocols queue_directory maillog_file
    ports=(25/smtp)
    take_option submission; submission=$taken
    take_option smtps; smtps=$taken
    take_option postscreen; postscreen=$taken
    [ -z "$postscreen" ] || ports=(25/postscreen)
    [ -z "$submission" ] || ports+=(587/smtp)
    [ -z "$smtps" ] || ports+=(465/smtps)
    take_option maxproc -; maxproc=$taken
    take_option spool; spool=$taken
    start_command=(/usr/lib/postfix/sbin/master -w)
    pid_file=/var/spool/postfix/pid/master.pid
}

postfix_configure() {
    mkdir -p "$root/etc/postfix"
    postfix_directories
    postfix_main_cf >"$root/etc/postfix/main.cf"
    postfix_master_cf >"$root/etc/postfix/master.cf"
    : >"$root/etc/postfix/dynamicmaps.cf"
    age_configuration
    # The master says nothing about a bad main.cf when it has no log yet; postconf does.
    (enter_root -- /usr/sbin/postconf -n) 2>&1 >/dev/null </dev/null | tee "$dir/console" >&2
}

# As the package's scripts make them.
postfix_directories() {
    local queue=$root/var/spool/postfix
    mkdir -p "$queue"
    [ -z "$spool" ] || mount -t tmpfs -o "size=$spool" none "$queue" || die "cannot mount a queue of $spool"
    mkdir -p "$queue"/{pid,etc} "$root/var/lib/postfix"
    chmod 755 "$queue"
    install -d -m 700 -o "${lab_ids[postfix]}" \
        "$queue"/{active,bounce,corrupt,defer,deferred,flush,hold,incoming,private,saved,trace}
    install -d -m 1730 -o "${lab_ids[postfix]}" -g "${lab_ids[postdrop]}" "$queue/maildrop"
    install -d -m 2710 -o "${lab_ids[postfix]}" -g "${lab_ids[postdrop]}" "$queue/public"
    chown "${lab_ids[postfix]}" "$root/var/lib/postfix"
}

# Mail is accepted for any recipient of lab.test, from anybody, and discarded; other recipients are refused
# (no client is trusted). There is no SMTP client in master.cf,
# so whatever a test sets, nothing can be sent. The reverse lookup of clients would ask DNS. The address
# to listen on stands in master.cf: inet_interfaces takes only addresses that an interface shows, and of
# 127.0.0.0/8 that is 127.0.0.1 alone.
postfix_main_cf() {
    local -A setting=(
        [compatibility_level]=3.6
        [inet_interfaces]=loopback-only
        [inet_protocols]=ipv4
        [myhostname]=$name.lab.test
        [mynetworks]=
        [mydestination]='$myhostname, lab.test, localhost'
        [local_recipient_maps]=
        [alias_maps]=
        [alias_database]=
        [local_transport]=discard
        [virtual_transport]=discard
        [relay_transport]=discard
        [default_transport]=discard
        [disable_dns_lookups]=yes
        [smtp_dns_support_level]=disabled
        [lmtp_bind_address]=$address
        [smtpd_peername_lookup]=no
        [biff]=no
        [maillog_file]=/var/log/lab.log
        [smtpd_tls_security_level]=may
        [smtpd_tls_chain_files]='/etc/ssl/lab.key, /etc/ssl/lab.pem'
        [smtpd_tls_session_cache_database]='btree:$data_directory/smtpd_scache'
        [postscreen_access_list]=
    )
    local key
    case $address in *:*) setting[inet_protocols]=ipv6 setting[lmtp_bind_address6]=$address
        unset 'setting[lmtp_bind_address]' ;; esac
    for key in "${!option[@]}"; do setting[$key]=${option[$key]}; done
    for key in "${!setting[@]}"; do printf '%s = %s\n' "$key" "${setting[$key]}"; done
}

# Debian's, without chroot (the whole instance is in one) and without the services that send or that
# run other programs.
postfix_master_cf() {
    local listen=$address
    case $address in *:*) listen="[$address]" ;; esac
    if [ -n "$postscreen" ]; then
        echo "$listen:25 inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy"
    else
        echo "$listen:25 inet n - n - $maxproc smtpd"
    fi
    [ -z "$submission" ] || echo "$listen:587 inet n - n - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt"
    [ -z "$smtps" ] || echo "$listen:465 inet n - n - - smtpd
  -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes"
    echo 'pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd'
}
