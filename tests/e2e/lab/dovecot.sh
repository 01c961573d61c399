# Dovecot. Sourced by lab.sh. Any user name logs in with the password "lab".

dovecot_prepare() {
    forbid_words
    forbid_options listen base_dir log_path
    ports=(143/imap 993/imaps 110/pop3 995/pop3s)
    take_option lmtp; lmtp=$taken
    take_option sasl; sasl=$taken
    take_option extra; extra=$taken
    [ -z "$lmtp" ] || ports+=(24/smtp)
    start_command=(/usr/sbin/dovecot -c /etc/dovecot/dovecot.conf)
    pid_file=/run/dovecot/master.pid
}

dovecot_configure() {
    mkdir -p "$root"/{etc/dovecot,var/lib/dovecot}
    chown "${lab_ids[vmail]}:${lab_ids[vmail]}" "$root/var/mail"
    dovecot_conf >"$root/etc/dovecot/dovecot.conf"
}

dovecot_conf() {
    local key
    echo "protocols = imap pop3${lmtp:+ lmtp}
listen = $address
base_dir = /run/dovecot
log_path = /var/log/lab.log
ssl = yes
ssl_cert = </etc/ssl/lab.pem
ssl_key = </etc/ssl/lab.key
mail_location = maildir:~/Maildir
passdb {
  driver = static
  args = password=lab
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/var/mail/%n
}"
    [ -z "$lmtp" ] || echo "service lmtp {
  inet_listener lmtp {
    port = 24
  }
}"
    [ -z "$sasl" ] || echo "service auth {
  inet_listener {
    port = $sasl
  }
}"
    printf '%s\n' "$extra"
    for key in "${!option[@]}"; do printf '%s = %s\n' "$key" "${option[$key]}"; done
}
