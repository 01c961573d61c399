# Downloads the packages and unpacks them. Sourced by lab.sh.
#
# trees/KIND holds the server's own packages, trees/lib the libraries of all of them, libc included, so
# that nothing depends on what this machine has. An instance's root is made of hard links to both.
#
# The DNS servers that tests/differential compares evermxd with need no instances: trees/peers holds them and their
# libraries, trees/bin what runs them from there. Installed, their packages would start services on port 53.

declare -A server_packages=(
    [postfix]="postfix"
    [dovecot]="dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd"
    [exim]="exim4-daemon-light"
    [unbound]="unbound"
)
readonly peer_packages="nsd knot bind9 bind9-libs"
readonly peer_programs="nsd knotd named"

# Raise it when what is fetched changes: older trees are then replaced.
readonly TREE_VERSION=2

fetch_all() {
    local stamp=$lab_cache/trees/complete-$TREE_VERSION lock
    [ -e "$stamp" ] && return
    mkdir -p "$lab_cache" || die "cannot make $lab_cache"
    exec {lock}>"$lab_cache/fetch.lock"
    flock "$lock"
    if [ ! -e "$stamp" ]; then
        require_programs
        make_certificate
        download_packages
        unpack_trees
        : >"$stamp"
    fi
    exec {lock}>&-
}

require_programs() {
    local program
    for program in apt-get apt-cache dpkg-deb openssl ss find setsid unshare; do
        command -v "$program" >/dev/null || die "needs $program, see tools/install-deps"
    done
}

# The names in the certificate are those that tests like to use.
make_certificate() {
    local cert=$lab_cache/cert
    [ -e "$cert/lab.pem" ] && return
    mkdir -p "$cert"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=lab.test \
        -addext "subjectAltName=DNS:lab.test,DNS:*.lab.test,DNS:example.test,DNS:*.example.test" \
        -keyout "$cert/lab.key" -out "$cert/lab.new" 2>"$cert/openssl.log" ||
        die "openssl cannot make a certificate: $(cat "$cert/openssl.log")"
    mv "$cert/lab.new" "$cert/lab.pem"
}

# Without the user change apt would warn that its user _apt cannot write here.
apt_get() {
    apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}

have_candidate() {
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

update_lists_if_none() {
    have_candidate postfix && return
    if compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then
        die "apt knows no package postfix: is Debian's main section in /etc/apt/sources.list?" \
            "Run apt-get update and try again"
    fi
    echo "lab: apt has no package lists, running apt-get update" >&2
    apt-get -q update >&2 || die "apt-get update failed"
}

# The names that the given packages depend on, level by level, libraries only: a server needs no
# maintainer scripts, so neither debconf nor adduser. The standard library of Python belongs to a
# module of unbound that is not loaded.
library_packages() {
    local level=$* found=" " name
    while [ -n "$level" ]; do
        # shellcheck disable=SC2086
        level=$(apt-cache depends --important $level |
            sed -n 's/^ *|\{0,1\}\(Pre\)\{0,1\}Depends: \(lib[^<>]*\|zlib1g\|gcc-.*-base\)$/\2/p' |
            grep -v -E '^libpam-runtime$|^libpython.*-(stdlib|minimal)$|^libelogind' | sort -u)
        local fresh=
        for name in $level; do
            case $found in *" $name "*) ;; *) found+="$name " fresh+="$name " ;; esac
        done
        level=$fresh
    done
    echo "$found"
}

download_packages() {
    local debs=$lab_cache/debs kind servers libraries
    update_lists_if_none
    servers=${server_packages[*]}
    # shellcheck disable=SC2086
    libraries=$(library_packages $servers)
    rm -rf "$debs" "$debs.new"
    for kind in $server_kinds; do
        download_into "$debs.new/$kind" "${server_packages[$kind]}"
    done
    download_into "$debs.new/lib" "$libraries"
    # shellcheck disable=SC2086
    download_into "$debs.new/peers" "$peer_packages $(library_packages $peer_packages)"
    mv "$debs.new" "$debs"
}

download_into() {
    mkdir -p "$1"
    # shellcheck disable=SC2086
    (cd "$1" && apt_get download $2) >"$lab_cache/download.log" 2>&1 && return
    tail -n 5 "$lab_cache/download.log" >&2
    die "apt-get could not download: $2. If the package lists are old, run apt-get update and try again"
}

# Unpacked aside and renamed, so that a start at the same moment never sees half a tree.
unpack_trees() {
    local trees=$lab_cache/trees part deb
    rm -rf "$trees.new"
    for part in lib peers $server_kinds; do
        mkdir -p "$trees.new/$part"
        for deb in "$lab_cache/debs/$part"/*.deb; do
            dpkg-deb -x "$deb" "$trees.new/$part" || die "cannot unpack $deb"
        done
        # Documentation, and start scripts of the machine's own services.
        rm -rf "$trees.new/$part/usr/share" "$trees.new/$part/etc" "$trees.new/$part/lib/systemd"
    done
    write_peer_programs "$trees.new/bin"
    rm -rf "$trees"
    mv "$trees.new" "$trees"
}

# A script for each, that has the unpacked loader run the unpacked program.
write_peer_programs() {
    local program
    mkdir -p "$1"
    for program in $peer_programs; do
        cat >"$1/$program" <<'END'
#!/bin/sh
tree=${0%/*}/../peers
for loader in "$tree"/lib/*/ld-linux*.so.*; do
    libraries=${loader%/*}
    exec "$loader" --library-path "$libraries:$tree/usr${libraries#"$tree"}" "$tree/usr/sbin/${0##*/}" "$@"
done
END
        chmod 755 "$1/$program"
    done
}
