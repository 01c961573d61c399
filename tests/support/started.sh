# Sourced by shell tests that start programs in a folder of their own, once $work is made: `started` lists the
# processes, which end with the test, whatever becomes of it, as the folder does; `is`, `has` and
# `lacks` count in `passed` and `failed`.
passed=0 failed=0
started=()

clean_up() {
    disown -a # without a word on their end
    [ ${#started[@]} = 0 ] || kill -KILL "${started[@]}" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

is() { # WHAT EXPECTED FOUND
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf "FAILED: %s: expected '%s', found '%s'\n" "$@"
    fi
}

has() { # WHAT PART TEXT
    case $3 in *"$2"*) is "$1" "" "" ;; *) is "$1" "$2" "$3" ;; esac
}

lacks() { # WHAT PART TEXT
    case $3 in *"$2"*) is "$1" "no $2" "$3" ;; *) is "$1" "" "" ;; esac
}
