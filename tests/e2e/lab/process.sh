# Finds and signals the processes of an instance. Sourced by lab.sh.
#
# A process belongs to the instance whose root directory it has. Neither a daemon's fork nor the death
# of its parent changes that, and the login processes of Dovecot, which change their root once more,
# are still below it.

# Sets pids to the living processes below root directory $1; the sessions in file $2, if given, tell
# those whose root the kernel hides.
find_processes() {
    local pid target hidden=()
    # Everything runs below /.
    [[ $1 == /?*/?* ]] || die "the instances cannot live in '$1'"
    pids=()
    while IFS=' ' read -r pid target; do
        case $target in
            "$1" | "$1"/* | "$1 (deleted)") pids+=("${pid#/proc/}") ;;
            '') hidden+=("${pid#/proc/}") ;;
        esac
    done < <(find /proc/[0-9]*/root -maxdepth 0 -printf '%h %l\n' 2>/dev/null)
    [ ${#hidden[@]} -gt 0 ] && [ -e "${2:-}" ] && find_by_session "$2" "${hidden[@]}"
    return 0
}

# In a container without CAP_SYS_PTRACE root cannot read the root directory of another user's process.
# Such processes are known by their session, which is that of the master. Its number is not given
# away as long as it has a member; a new leader of that number shows by its start time.
find_by_session() {
    local session started pid leader_started
    read -r session started <"$1"
    shift
    leader_started=$started
    if read_stat "$session"; then leader_started=$stat_started; fi
    [ "$leader_started" = "$started" ] || return
    for pid; do
        if read_stat "$pid" && [ "$stat_session" = "$session" ] && [ "$stat_state" != Z ]; then
            pids+=("$pid")
        fi
    done
}

# Sets stat_state, stat_session, stat_started of process $1. The name in brackets may hold anything.
read_stat() {
    local line fields
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -r -a fields <<<"${line##*) }"
    stat_state=${fields[0]} stat_session=${fields[3]} stat_started=${fields[19]}
}

# To be called after the start only: then the pid file is new and names our own master.
remember_session() {
    read_pid_file
    [ -n "$master" ] && read_stat "$master" || return 0
    local session=$stat_session
    read_stat "$session" || stat_started=0
    echo "$session $stat_started" >"$dir/session"
}

read_pid_file() {
    master=
    { read -r master <"$root$pid_file"; } 2>/dev/null
    master=${master//[^0-9]/}
}

instance_processes() {
    find_processes "$root" "$dir/session"
}

# Sets master; fails when it is dead. A stale pid file may name a stranger, so the process must be ours.
master_of_instance() {
    local pid
    read_pid_file
    instance_processes
    for pid in "${pids[@]}"; do
        [ "$pid" = "$master" ] && return 0
    done
    return 1
}

# What was forked in the meantime goes in the next round.
kill_below() {
    find_processes "$1" "${2:-}"
    while [ ${#pids[@]} -gt 0 ]; do
        kill -KILL "${pids[@]}" 2>/dev/null
        find_processes "$1" "${2:-}"
    done
}

# The master goes first, so that it starts no child in place of those that die.
kill_instance() {
    ! master_of_instance || kill -KILL "$master" "${pids[@]}" 2>/dev/null
    kill_below "$root" "$dir/session"
}

# Signal STOP and CONT take effect a little later than kill returns, and a process may fork in between:
# repeated until all are seen in the state.
set_stopped() {
    local signal=$1 pid done=no
    while [ "$done" = no ]; do
        done=yes
        instance_processes
        for pid in "${pids[@]}"; do
            read_stat "$pid" || continue
            case $signal$stat_state in
                STOP[TtZX] | CONT[!T]) ;;
                *) kill "-$signal" "$pid" 2>/dev/null; done=no ;;
            esac
        done
    done
}

# Waits until the instance has no process; fails when the clock is at $1.
wait_until_gone() {
    while instance_processes; [ ${#pids[@]} -gt 0 ]; do
        read_clock
        [ "$now_ms" -lt "$1" ] || return 1
        sleep 0.01
    done
}
