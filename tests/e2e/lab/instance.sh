# What can be done with an instance. Sourced by lab.sh.
#
# $lab_dir/NAME/instance   kind, name, address, ports, pid file, start command
# $lab_dir/NAME/root       its root directory; configuration in root/etc, logs in root/var/log
# $lab_dir/NAME/console    what the start command printed
# $lab_dir/NAME/session    see find_by_session
# $lab_dir/.NAME.lock      held while the instance is started, stopped or removed

# Users and groups of the servers inside their roots. The numbers are in a range that Debian gives to
# nobody by itself, for files of the lab lie in the machine's file system.
declare -A lab_ids=([postfix]=59901 [postdrop]=59902 [dovecot]=59903 [dovenull]=59904 [vmail]=59905
    [Debian-exim]=59906 [unbound]=59907 [nobody]=65534)

declare -A option

set_paths() {
    [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || wrong_usage "'$1' cannot be the name of an instance"
    dir=$lab_dir/$1
    root=$dir/root
}

instance_load() {
    set_paths "$1"
    [ -r "$dir/instance" ] || die "no instance $1 in $lab_dir"
    . "$dir/instance"
}

instance_save() {
    mkdir -p "$dir" || die "cannot make $dir"
    declare -p kind name address ports pid_file start_command | sed 's/^declare -[-a] //' >"$dir/instance.new"
    mv "$dir/instance.new" "$dir/instance"
}

lock_instance() {
    local lock
    mkdir -p "$lab_dir" || die "cannot make $lab_dir"
    exec {lock}>"$lab_dir/.${1}.lock"
    flock "$lock"
}

# Arguments: kind name address [what the kind needs ...] [key=value ...]
instance_start() {
    [ $# -ge 3 ] || wrong_usage "start needs a kind, a name and an address"
    case " $server_kinds " in *" $1 "*) ;; *) wrong_usage "$1 is none of: $server_kinds" ;; esac
    set_paths "$2"
    kind=$1 name=$2 address=$3 ports=() words=()
    is_local "$address" || wrong_usage "$address is neither of loopback nor for documentation"
    shift 3
    split_options "$@"
    fetch_all
    lock_instance "$name"
    remove_instance
    "${kind}_prepare"
    choose_wait
    check_ports_free
    instance_save
    make_root
    "${kind}_configure"
    launch
}

# Sorts the arguments into option[key]=value and words.
split_options() {
    local argument
    for argument; do
        case $argument in
            *=*) option[${argument%%=*}]=${argument#*=} ;;
            *) words+=("$argument") ;;
        esac
    done
}

# Sets taken to an option of the lab's own, or to default $2, and takes it out of those that go to the server.
take_option() {
    taken=${option[$1]:-${2:-}}
    unset "option[$1]"
}

# A server that is to stay silent cannot be waited for by its greeting.
choose_wait() {
    take_option wait answer
    case $taken in
        answer) ;;
        connect) [ "$kind" = unbound ] || ports=("${ports[@]/%\/*//tcp}") ;;
        *) wrong_usage "wait is answer or connect" ;;
    esac
}

forbid_words() {
    [ ${#words[@]} -eq 0 ] || wrong_usage "$kind does not know what '${words[0]}' is"
}

# Options that would let a server listen or send elsewhere are not for tests to set.
forbid_options() {
    local key
    for key; do
        [ -z "${option[$key]+set}" ] || wrong_usage "$key is set by the lab"
    done
}

make_root() {
    local tree user
    mkdir -p "$root"
    for tree in lib "$kind"; do
        # Hard links cost nothing; across file systems it must be a copy.
        cp -al "$lab_cache/trees/$tree/." "$root" 2>/dev/null ||
            cp -a "$lab_cache/trees/$tree/." "$root" || die "cannot make $root"
    done
    mkdir -p "$root"/{dev,etc/ssl,proc,run,tmp,var/log,var/spool,var/lib,var/mail}
    chmod 1777 "$root/tmp"
    ln -s ../run "$root/var/run"
    : >"$root/var/log/lab.log"
    echo root:x:0:0:root:/:/bin/false >"$root/etc/passwd"
    echo root:x:0: >"$root/etc/group"
    for user in "${!lab_ids[@]}"; do
        echo "$user:x:${lab_ids[$user]}:${lab_ids[$user]}::/nonexistent:/bin/false" >>"$root/etc/passwd"
        echo "$user:x:${lab_ids[$user]}:" >>"$root/etc/group"
    done
    make_name_service
    make_devices
    make_instance_certificate
}

# No name is looked up outside of the files. A program that asks DNS by itself reaches the instance's
# own address, where nobody answers.
make_name_service() {
    printf '127.0.0.1 localhost\n%s %s.lab.test\n' "$address" "$name" >"$root/etc/hosts"
    printf 'hosts: files\npasswd: files\ngroup: files\n' >"$root/etc/nsswitch.conf"
    printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$address" >"$root/etc/resolv.conf"
    printf '%s\n' 'smtp 25/tcp' 'domain 53/udp' 'pop3 110/tcp' 'imap2 143/tcp' >"$root/etc/services"
}

# Device files are made where that is allowed and works. Elsewhere (a file system mounted nodev, some
# containers) launch binds the machine's own over these files.
make_devices() {
    local device minor
    for device in null:3 zero:5 random:8 urandom:9; do
        minor=${device#*:} device=$root/dev/${device%:*}
        mknod -m 666 "$device" c 1 "$minor" 2>/dev/null || : >"$device"
    done
}

devices_work() {
    [ -c "$root/dev/null" ] && { : >"$root/dev/null"; } 2>/dev/null
}

make_instance_certificate() {
    local cert key
    take_option cert "$lab_cache/cert/lab.pem"
    cert=$taken
    take_option key "$lab_cache/cert/lab.key"
    key=$taken
    install -m 644 "$cert" "$root/etc/ssl/lab.pem" || die "cannot read $cert"
    install -m 600 "$key" "$root/etc/ssl/lab.key" || die "cannot read $key"
}

# Inherited descriptors are closed: a lock or a test's socket must not live on in a daemon.
close_descriptors() {
    local descriptor
    for descriptor in /proc/self/fd/*; do
        descriptor=${descriptor##*/}
        [ "$descriptor" -gt 2 ] && [ "$descriptor" -ne 255 ] && eval "exec $descriptor>&-"
    done
}

# Becomes a command inside the root, with nothing of our environment. The words before -- are a command
# of this machine that starts it.
enter_root() {
    local enter=()
    while [ "$1" != -- ]; do enter+=("$1"); shift; done
    shift
    devices_work || enter+=(unshare --mount --propagation private "$BASH" -c '
        for device in null zero random urandom; do
            mount --bind "/dev/$device" "$0/dev/$device" || exit 1
        done
        exec "$@"' "$root")
    close_descriptors
    exec "${enter[@]}" env -i --default-signal TZ=UTC PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "$root" "$@"
}

# A program of Postfix that finds its main.cf changed within the last two seconds reads it again and
# again until it is older.
age_configuration() {
    [ "$kind" != postfix ] || touch -d '1 minute ago' "$root"/etc/postfix/*.cf
}

launch() {
    rm -f "$dir/session"
    age_configuration
    if (enter_root setsid -- "${start_command[@]}") </dev/null >>"$dir/console" 2>&1; then
        remember_session
        wait_for_answers && return
    fi
    instance_log >&2
    kill_instance
    die "$kind $name on $address did not come up"
}

instance_log() {
    local files
    mapfile -t files < <(find "$dir/console" "$root/var/log" -type f 2>/dev/null | sort)
    [ ${#files[@]} -eq 0 ] || cat "${files[@]}"
}

instance_root() {
    echo "$root"
}

instance_pids() {
    instance_processes
    [ ${#pids[@]} -eq 0 ] || printf '%s\n' "${pids[@]}"
}

instance_exec() {
    age_configuration
    (enter_root -- "$@")
}

instance_reload() {
    master_of_instance || die "the master of $name is dead"
    age_configuration
    kill -HUP "$master"
}

print_done() {
    read_clock
    echo "done $now_ms"
}

instance_kill() {
    kill_instance
    print_done
}

instance_kill_master() {
    master_of_instance || die "the master of $name is dead already"
    local victim=$master
    kill -KILL "$victim"
    while read_stat "$victim" && [ "$stat_state" != Z ]; do :; done
    print_done
}

instance_pause() {
    set_stopped STOP
    [ ${#pids[@]} -gt 0 ] || die "$name has no process"
    print_done
}

# Of single programs, by the names that the kernel shows; the others go on.
instance_signal() {
    local signal=$1 pid comm found=
    shift
    instance_processes
    for pid in "${pids[@]}"; do
        read -r comm <"/proc/$pid/comm" || continue
        case " $* " in *" $comm "*) kill "-$signal" "$pid" 2>/dev/null && found=1 ;; esac
    done 2>/dev/null
    [ -n "$found" ] || die "$name has no process of: $*"
    print_done
}

instance_continue() {
    set_stopped CONT
    [ ${#pids[@]} -gt 0 ] || die "$name has no process"
    print_done
}

# SIGTERM to the master is what postfix stop, doveadm stop and the units of Exim and unbound do. Exim
# leaves open sessions alone; they are ended too, for a stopped instance has no process.
instance_stop() {
    lock_instance "$name"
    instance_stop_locked
}

instance_stop_locked() {
    local deadline
    read_clock
    deadline=$((now_ms + STOP_DEADLINE_MS))
    if master_of_instance; then
        kill -TERM "$master"
        kill -CONT "${pids[@]}" 2>/dev/null
        while read_stat "$master" && [ "$stat_state" != Z ] && [ "$now_ms" -lt "$deadline" ]; do
            sleep 0.01
            read_clock
        done
        instance_processes
    fi
    [ ${#pids[@]} -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null
    wait_until_gone "$deadline" && return
    echo "lab: $name did not stop in time, killed" >&2
    kill_instance
}

instance_restart() {
    lock_instance "$name"
    instance_stop_locked
    # What a killed server leaves behind; a pid file could name a stranger by now.
    rm -f "$root$pid_file"
    find "$root/run" "$root/var/spool" -type s -delete 2>/dev/null
    check_ports_free
    launch
}

unmount_below() {
    local point
    while read -r _ _ _ _ point _; do
        [[ $point != "$1"/* ]] || echo "$point"
    done </proc/self/mountinfo | sort -r | while read -r point; do
        umount -l "$point"
    done
}

remove_instance() {
    [ -d "$dir" ] || return 0
    if [ -e "$dir/instance" ]; then
        kill_below "$root" "$dir/session"
        instance_log >"$lab_dir/$name.log"
        unmount_below "$root"
        # The file that says that all this is ours goes last.
        rm -rf "$root"
        rm -f "$dir/console" "$dir/session" "$dir/instance"
    fi
    rm -f "$dir/instance.new"
    rmdir "$dir" || die "$dir is not of the lab"
}

# Processes are killed by directory, not by the list of instances, so that nothing half made survives.
cleanup_all() {
    local each
    kill_below "$lab_dir"
    [ -d "$lab_dir" ] || return 0
    for each in "$lab_dir"/*/; do
        [ -e "$each/instance" ] || continue
        name=${each%/}
        name=${name##*/}
        set_paths "$name"
        (lock_instance "$name"; remove_instance)
    done
}

print_status() {
    local each state
    for each in "$lab_dir"/*/instance; do
        [ -r "$each" ] || continue
        each=${each%/instance}
        instance_load "${each##*/}"
        state=running
        master_of_instance || state=headless
        [ ${#pids[@]} -gt 0 ] || state=dead
        [ "$state" != running ] || { read_stat "$master" && [ "$stat_state" != T ]; } || state=paused
        echo "$name $kind $address $state ${#pids[@]}"
    done
}
