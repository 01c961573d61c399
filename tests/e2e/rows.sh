# What the rows of test_catalogue.c begin and break their servers with; each function is a word of theirs. Sourced by
# bash with name, address, work (a folder) and EVERMX_BUILD set.
set -u
lab_cache=${LAB_CACHE:-build/lab}
set -e

lab() { tests/e2e/lab.sh "$@"; }

# ---- begin ----

postfix() { lab start postfix "$name" "$address" "$@"; }
exim() { lab start exim "$name" "$address" "$@"; }
dovecot() { lab start dovecot "$name-imap" "$address" "$@"; }

fake() { # PROTOCOL ...: tools/mailhost; `tell` breaks it
    local protocol listen=() i
    for protocol; do listen+=(--listen "$protocol:$address"); done
    "$EVERMX_BUILD/mailhost" "${listen[@]}" --control "$work/$name.sock" --name "$name.example.test" \
        --cert "$lab_cache/cert/lab.pem" --key "$lab_cache/cert/lab.key" >"$work/$name.fake" 2>&1 </dev/null &
    echo $! >>"$work/pids"
    for ((i = 0; i < 200; i++)); do
        ! grep -q ready "$work/$name.fake" || return 0
        sleep 0.05
    done
    cat "$work/$name.fake"
    return 1
}

# A real router and a host behind it, each a network namespace; the words that follow begin servers there.
behind_router() {
    local router=$name-router host=$name-host gateway=${address%.*}.1
    ip netns add "$router"
    ip netns add "$host"
    ip link add "$name" type veth peer name near netns "$router"
    ip link add far netns "$router" type veth peer name wire netns "$host"
    ip addr add 192.0.2.1/30 dev "$name"
    ip link set "$name" up
    ip -n "$router" addr add 192.0.2.2/30 dev near
    ip -n "$router" addr add "$gateway/24" dev far
    ip -n "$host" addr add "$address/24" dev wire
    ip -n "$router" link set near up
    ip -n "$router" link set far up
    ip -n "$host" link set wire up
    ip -n "$host" link set lo up
    ip -n "$host" route add default via "$gateway"
    ip netns exec "$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip route add "${address%.*}.0/24" via 192.0.2.2
    lab() { ip netns exec "$name-host" tests/e2e/lab.sh "$@"; }
}

# ---- break ----

tell() { "$EVERMX_BUILD/mailhost" --tell "$work/$name.sock" "$1"; }

conf() { # KEY=VALUE ...: of Postfix
    lab exec "$name" postconf -e "$@"
    lab reload "$name"
}

dovecot_conf() { # TEXT: behind the rest
    printf '%s\n' "$1" >>"$(lab root "$name-imap")/etc/dovecot/dovecot.conf"
    lab reload "$name-imap"
}

# On SIGHUP it executes itself anew, and its port is closed for so long: a probe that came just then would be refused,
# which is not what the row is about.
exim_conf() { # LINE [SED-COMMAND]: the line before the rest
    see_one_leave
    sed -i -e "1i $1" ${2:+-e "$2"} "$(lab root "$name")/etc/exim4/exim4.conf"
    lab reload "$name"
}

count_left() { lab log "$name" | grep -cE 'disconnect from|SMTP connection from .* closed'; }

# Returns when a client of Postfix or Exim has just left: the next probe is most of an interval away.
see_one_leave() {
    local before i
    before=$(count_left) || true
    for ((i = 0; i < 200; i++)); do
        [ "$(count_left)" = "$before" ] || return 0
        sleep 0.02
    done
    echo "nobody has come and gone"
    return 1
}

# One that is put off, as a probe has the place just then, tries again.
occupy_one() { # PORT FILE
    local line
    while exec 3<>"/dev/tcp/$address/$1" && read -r -t 20 line <&3; do
        if [[ $line != 4* ]]; then
            : >"$2"
            exec sleep 600
        fi
        exec 3>&-
        sleep 0.05
    done
}

occupy() { # PORT COUNT: clients that say nothing, for as long as the test lasts
    local i try
    for ((i = 0; i < $2; i++)); do
        occupy_one "$1" "$work/$name.place$i" >/dev/null 2>&1 </dev/null &
        echo $! >>"$work/pids"
    done
    for ((i = 0; i < $2; i++)); do
        for ((try = 0; try < 200; try++)); do
            [ ! -e "$work/$name.place$i" ] || continue 2
            sleep 0.05
        done
        echo "no place for client $i of $2"
        return 1
    done
}

certificate() { # KIND: the server has that certificate from now on; its key is in the same file
    local server
    for server in "$name" "$name-imap"; do
        [ -d "$(lab root "$server" 2>/dev/null)" ] || continue
        install -m 644 "$work/$1.pem" "$(lab root "$server")/etc/ssl/lab.pem"
        install -m 600 "$work/$1.key" "$(lab root "$server")/etc/ssl/lab.key"
        lab reload "$server"
    done
}

read_only_queue() {
    local queue folder
    queue=$(lab root "$name")/var/spool/postfix
    for folder in incoming active deferred defer maildrop; do
        mount --bind "$queue/$folder" "$queue/$folder"
        mount -o remount,bind,ro "$queue/$folder"
    done
}

full_queue() {
    dd if=/dev/zero of="$(lab root "$name")/var/spool/postfix/full" bs=64k 2>/dev/null || true
}

# Packets to this host, and from it.
filter() { # RULE ...: with TO and FROM in place of the host's address
    local rule
    nft add table inet apart
    nft 'add chain inet apart input { type filter hook input priority 0; }'
    for rule; do
        rule=${rule/TO/ip daddr $address}
        nft "add rule inet apart input ${rule/FROM/ip saddr $address}"
    done
}

power_off_behind_router() {
    ip netns exec "$name-host" nft 'add table netdev apart'
    ip netns exec "$name-host" nft \
        'add chain netdev apart mute { type filter hook ingress device wire priority 0; policy drop; }'
    ip -n "$name-router" neigh flush dev far
}

# ---- of all rows ----

# Each with its key, and each its own authority, which evermxd is told to trust but for that of a stranger.
certificates() {
    local alt=subjectAltName=DNS:example.test,DNS:*.example.test kind
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=stranger.test -addext "$alt" \
        -keyout "$work/stranger.key" -out "$work/stranger.pem" 2>&1
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=wrong.test -addext subjectAltName=DNS:wrong.test \
        -keyout "$work/wrong-name.key" -out "$work/wrong-name.pem" 2>&1
    openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=soon.test -addext "$alt" \
        -keyout "$work/soon.key" -out "$work/soon.pem" 2>&1
    expired_certificate "$alt" 2>&1
    cat "$lab_cache/cert/lab.pem" "$work"/{wrong-name,soon,expired}.pem >"$work/authorities.pem"
    printf 'user: probe\npassword: lab\n' >"$work/credentials"
    chmod 600 "$work/credentials"
}

# `openssl req` knows no day in the past.
expired_certificate() { # ALTERNATIVE-NAMES
    mkdir "$work/ca"
    : >"$work/ca/index"
    echo 01 >"$work/ca/serial"
    printf '%s\n' '[ca]' 'default_ca=own' '[own]' "database=$work/ca/index" "serial=$work/ca/serial" \
        "new_certs_dir=$work/ca" default_md=sha256 policy=any x509_extensions=names '[any]' CN=supplied \
        '[names]' "${1/=/ = }" >"$work/ca/config"
    openssl req -new -newkey rsa:2048 -nodes -subj /CN=expired.test -config /dev/null -keyout "$work/expired.key" \
        -out "$work/ca/request" 2>/dev/null ||
        openssl req -new -newkey rsa:2048 -nodes -subj /CN=expired.test -keyout "$work/expired.key" -out "$work/ca/request"
    openssl ca -batch -config "$work/ca/config" -selfsign -keyfile "$work/expired.key" -in "$work/ca/request" \
        -startdate 20240101000000Z -enddate 20250101000000Z -notext -out "$work/expired.pem"
}

end_all() {
    local pid
    while read -r pid; do kill -CONT "$pid"; kill -KILL "$pid"; done 2>/dev/null <"$work/pids" || true
    lab cleanup
}
