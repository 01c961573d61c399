# The DNS programs: those installed, else unpacked from Debian's packages, without installing them. Sourced by
# failover-lab.sh.
#
# An unpacked one runs in its own tree, where each file is where it looks for it; the work folder is seen there, too.

declare -A packages_of=([unbound]=unbound [named]="bind9 bind9-libs" [kresd]="knot-resolver dns-root-data"
    [pdns_recursor]=pdns-recursor [dnsmasq]=dnsmasq-base [gdnsd]=gdnsd
    [pdns_server]="pdns-server pdns-backend-bind")

tree_of() { # PROGRAM
    echo "$LAB_CACHE/drill/$1"
}

is_here() { # PROGRAM: installed, or unpacked
    command -v "$1" >/dev/null || [ -e "$(tree_of "$1")/complete" ]
}

# How the program is started: its name, or a way into its tree. Sets `program`.
find_program() { # PROGRAM
    local tree
    tree=$(tree_of "$1")
    program=("$1")
    if ! command -v "$1" >/dev/null; then
        [ -e "$tree/complete" ] || return
        mountpoint -q "$tree$work" || share_folders "$tree" || return
        program=(chroot "$tree" "$1")
    fi
}

share_folders() { # TREE: only in our own mount namespace
    local folder
    for folder in /dev /proc "$work"; do
        mkdir -p "$1$folder" && mount --bind "$folder" "$1$folder" || return
    done
}

# Outside the namespaces, where packages can be had. What cannot be fetched is left out later on.
fetch_programs() { # PROGRAM ...
    local name tree
    for name; do
        is_here "$name" && continue
        tree=$(tree_of "$name")
        if fetch_tree "$tree" ${packages_of[$name]} >"$results/fetch-$name.log" 2>&1; then
            rm -f "$results/fetch-$name.log"
        fi
    done
}

fetch_tree() ( # TREE PACKAGE ...
    tree=$1
    shift
    lab_cache=$LAB_CACHE/drill
    die() { echo "$*"; exit 1; }
    . "$servers_home/lab/fetch.sh"
    rm -rf "$tree.new" "$tree"
    mkdir -p "$tree.new/debs"
    # shellcheck disable=SC2046
    (cd "$tree.new/debs" && apt_get download "$@" $(library_packages "$@")) || exit
    for deb in "$tree.new/debs"/*.deb; do dpkg-deb -x "$deb" "$tree.new" || exit; done
    rm -rf "$tree.new/debs" "$tree.new/usr/share/doc" "$tree.new/usr/share/man"
    mkdir -p "$tree.new"/{tmp,run,etc}
    [ -e "$tree.new/etc/passwd" ] || echo root:x:0:0:root:/:/bin/false >"$tree.new/etc/passwd"
    [ -e "$tree.new/etc/group" ] || echo root:x:0: >"$tree.new/etc/group"
    : >"$tree.new/complete"
    mv "$tree.new" "$tree"
)

start_program() { # NAMESPACE LOG PROGRAM ARGUMENT...
    local ns=$1 log=$2
    find_program "$3" || return
    shift 3
    become_in_ns "$ns" "${program[@]}" "$@" >"$log" 2>&1 </dev/null &
}

answers() { # ADDRESS NAME TYPE: once, with an address or an exchange
    kdig +short +timeout=1 +retry=0 "@$1" "$2" "$3" 2>/dev/null | grep -q '^[0-9]'
}

# Of the program that was started last, which may have ended instead.
wait_for_answer() { # ADDRESS NAME TYPE
    local deadline=$((${EPOCHREALTIME%.*} + 15))
    until answers "$@"; do
        kill -0 "$!" 2>/dev/null && [ "${EPOCHREALTIME%.*}" -lt "$deadline" ] || return
        sleep 0.1
    done
}

# That the host which is to be broken is in the answer.
wait_for_host() { # SECONDS ADDRESS
    local deadline=$((${EPOCHREALTIME%.*} + $1))
    until kdig +short +timeout=1 +retry=0 "@$2" "$question_name" "$question_type" 2>/dev/null |
            grep -qE "(^| )${question_host//./\\.}\.?$"; do
        [ "${EPOCHREALTIME%.*}" -lt "$deadline" ] || return
        sleep 0.2
    done
}
