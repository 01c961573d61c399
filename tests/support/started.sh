# Sourced by shell tests that start programs in a folder of their own, once $work is made: `started` lists the
# processes, which end with the test, whatever becomes of it, as the folder does; `is`, `has`, `lacks`, `soon`, `pass`,
# `fail` and `skip` count, and tell_counts closes with what they counted.
#
# DEADLINE_S   how long `within` has patience, default 15
# RUN_S        how long `run` has, default 30
passed=0 failed=0 skipped=0
started=()

clean_up() {
    disown -a # without a word on their end
    [ ${#started[@]} = 0 ] || kill -KILL "${started[@]}" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# ---- expectations ----

pass() {
    passed=$((passed + 1))
}

fail() { # WORDS ...
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$*"
}

skip() { # WORDS ...
    skipped=$((skipped + 1))
    printf 'skipped: %s\n' "$*"
}

is() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ]; then pass; else fail "$1: expected '$2', found '$3'"; fi
}

has() { # WHAT PART TEXT
    if [[ $3 == *"$2"* ]]; then pass; else fail "$1: expected '$2' in '$3'"; fi
}

lacks() { # WHAT PART TEXT
    if [[ $3 != *"$2"* ]]; then pass; else fail "$1: expected no '$2' in '$3'"; fi
}

# Runs a command until it succeeds.
within() { # COMMAND ...
    local end=$((SECONDS + ${DEADLINE_S:-15}))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

soon() { # WHAT COMMAND ...
    if within "${@:2}"; then pass; else fail "$1: not within ${DEADLINE_S:-15} s"; fi
}

# The last command of a test: its status is the test's.
tell_counts() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

# ---- programs ----

# Sets out, err, status.
run() { # COMMAND ...
    timeout --kill-after=2 "${RUN_S:-30}" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    out=$(<"$work/out") err=$(<"$work/err")
}

# Sets pid; returns when what it writes says that it is ready, or fails when it has ended or the patience has.
start_ready() { # LOG COMMAND ...
    : >"$1"
    "${@:2}" >"$1" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    within ready_or_gone "$1"
    grep -qw ready "$1"
}

ready_or_gone() { # LOG: of pid
    grep -qw ready "$1" || ! kill -0 "$pid" 2>/dev/null
}

# A port that nobody has now, for UDP and TCP, below those that the kernel gives away.
free_port() {
    local try
    while :; do
        try=$((20000 + RANDOM % 12000))
        grep -qi ":$(printf %04X $try) " /proc/net/{udp,tcp,udp6,tcp6} || break
    done
    echo "$try"
}
