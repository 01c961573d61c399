# What is built, and the run of each kind. Sourced by failover-lab.sh.

# What an undisturbed run takes at the most, in seconds, for how long is waited and for what is told before it begins:
# until the host is out of the server's own answer, and until it is back in it.
declare -A seconds_down=([evermx]=6 [evermx-fast]=4 [gdnsd]=105 [gdnsd-fast]=6 [pdns]=8 [pdns-fast]=2)
declare -A seconds_back=([evermx]=8 [evermx-fast]=5 [gdnsd]=200 [gdnsd-fast]=8 [pdns]=5 [pdns-fast]=1)
# By a check of a connect alone these are not seen, or only when the queue of connections is full.
blind_kinds=" hang 421 disk-full queue-stuck "
# What evermx has to be told to see, and how much longer it takes.
declare -A needs_of_kind=([disk-full]=recipient [queue-stuck]=round-trip)
declare -A seconds_more=([disk-full]=10 [queue-stuck]=25)

# Sets `longest_s`: until the slowest of all caches has noticed; `longest_ttl_s`; `down_s`, `back_s` of the servers.
find_patience() {
    local system
    longest_ttl_s=0 down_s=0 back_s=0
    case " $resolvers " in *" unbound-60 "*) longest_ttl_s=60 ;; esac
    for system in $systems; do
        [ "$(ttl_of "$system")" -le "$longest_ttl_s" ] || longest_ttl_s=$(ttl_of "$system")
        [ "${seconds_down[$system]}" -le "$down_s" ] || down_s=${seconds_down[$system]}
        [ "${seconds_back[$system]}" -le "$back_s" ] || back_s=${seconds_back[$system]}
    done
    longest_s=$((longest_ttl_s + (down_s > back_s ? down_s : back_s)))
}

patience_of() { # KIND
    echo "${LAB_PATIENCE:-$((longest_s * 5 / 4 + 15 + ${seconds_more[$1]:-0}))}"
}

return_patience() {
    echo $((longest_s * 2 + 60))
}

# Whether a system here never notices the kind, which takes all the patience.
is_blind() { # KIND
    case $blind_kinds in *" $1 "*) ;; *) return 1 ;; esac
    case " $systems" in *" gdnsd"* | *" pdns"*) ;; *) return 1 ;; esac
}

# Sets `about_s` and `most_s`, of all runs.
find_duration() {
    local kind down patience
    about_s=15 most_s=120
    for kind in $kinds; do
        patience=$(patience_of "$kind")
        down=$((down_s + ${seconds_more[$kind]:-0} + longest_ttl_s))
        ! is_blind "$kind" && [ "$down" -le "$patience" ] || down=$patience
        about_s=$((about_s + LAB_REPS * (settle_s + longest_ttl_s / 2 + 1 + down + back_s + longest_ttl_s)))
        most_s=$((most_s + longest_s + LAB_REPS * (settle_s + longest_ttl_s + 20 + patience + $(return_patience))))
    done
}

tell_duration() {
    local words="$kinds: $LAB_REPS each"
    words+=", about $(((about_s + 59) / 60)) minutes, at most $(((most_s + 59) / 60))"
    [ ! -t 2 ] || printf '\r\033[K' >&2
    echo "lab: $words" >&2
}

# One question for all systems. By themselves evermx's steered MX records are asked for; next to others the addresses
# of a shared name, as those can take nothing else out.
choose_question() {
    question_name=lab.test question_type=MX question_host=mx1.lab.test
    case $systems in
    *gdnsd* | *pdns*) question_name=mx.lab.test question_type=A question_host=${address_of[mx1]} ;;
    esac
}

place() { # ADDRESS SYSTEM KIND NAME
    printf '%s@53\t%s\t%s\t%s\n' "$@" >>"$results/places"
}

start_authorities() {
    local system kept=
    for system in $systems; do
        say_on_terminal "starting $system"
        if start_authority "$system"; then
            kept+=" $system"
            place "${address_of[$system]}" "$system" server ""
        else
            leave_out "$system, which did not answer: $(tail -n 1 "$work/$system/log" 2>/dev/null || echo 'it is not here')"
            stop_authority "$system"
        fi
    done
    systems=${kept# }
    [ -n "$systems" ] || give_up "no authoritative server"
}

# All resolvers for the first system, and for the others the first resolver that works: they differ by their caches,
# which need not be measured again.
start_resolvers() {
    local number=0 system name first
    declare -gA first_resolver
    for system in $systems; do
        for name in $resolvers; do
            [ -z "${first_resolver[$system]:-}" ] || [ "$system" = "${systems%% *}" ] || break
            say_on_terminal "starting $name"
            number=$((number + 1))
            if start_resolver "$name" "$system" "$number"; then
                place "$resolver_address" "$system" resolver "$name"
                first_resolver[$system]=${first_resolver[$system]:-$resolver_address}
            else
                leave_out "resolver $name, which did not answer: $(tail -n 1 "$work/resolver-$name-$system/log" 2>/dev/null)"
            fi
        done
    done
}

start_senders() {
    local system number=0
    [ "$LAB_SENDER" = yes ] || return 0
    for system in $systems; do
        say_on_terminal "starting the sender of $system"
        number=$((number + 1))
        if [ -z "${first_resolver[$system]:-}" ]; then
            leave_out "the sender of $system: there is no resolver"
        elif ! start_sender "$system" "$number" "${first_resolver[$system]}" >"$results/sender-$system.log" 2>&1; then
            leave_out "the sender of $system: $(tail -n 1 "$results/sender-$system.log")"
        fi
    done
}

# For a kind that evermx does not see with what it has by default.
restart_evermx() { # WHAT IT NEEDS
    local system
    [ "$needs" != "$1" ] || return 0
    needs=$1
    for system in $systems; do
        case $system in evermx*) stop_authority "$system"; start_authority "$system" || give_up "$system did not start again" ;; esac
    done
}

run_kind() { # KIND
    local places=() address system kind name status
    restart_evermx "${needs_of_kind[$1]:-}"
    while IFS=$'\t' read -r address system kind name; do
        if wait_for_host "$longest_s" "${address%@*}"; then
            places+=("--$kind" "$address")
        else
            leave_out "$system $name in $1: after $longest_s s it does not have the host yet"
        fi
    done <"$results/places"
    "$LAB_DRILL" watch --name "$question_name" --type "$question_type" --host "$question_host" "${places[@]}" \
        --probe "smtp@${address_of[mx1]}" --kind "$1" --reps "$LAB_REPS" --settle "$settle_s" \
        --patience "$(patience_of "$1")" \
        --return-patience "$(return_patience)" ${LAB_SEED:+--seed "$LAB_SEED"} --json "$results/watch-$1.json" \
        --break "'$home/failover-lab.sh' break $1" --mend "'$home/failover-lab.sh' mend $1" \
        >"$results/watch-$1.log" &
    echo $! >"$work/watch.pid"
    wait $!
    status=$?
    rm -f "$work/watch.pid"
    [ "$status" -le 1 ] || leave_out "$1: the watch ended with status $status"
}

write_settings() {
    setting kinds "$kinds"
    setting systems "$systems"
    setting question "$question_name $question_type without $question_host"
    setting "settle" "$settle_s s"
    for system in $systems; do setting "TTL of $system" "$(ttl_of "$system") s"; done
    case " $kinds " in *" disk-full "*) setting "evermx in disk-full" "probe-recipient, service-interval 5 s" ;; esac
    case " $kinds " in *" queue-stuck "*) setting "evermx in queue-stuck" "round-trip 10 s, alarm and drain 10 s" ;; esac
    case " $systems " in *evermx*) setting "evermx's return" "hold and slow-start 0" ;; esac
    [ "$LAB_SENDER" != yes ] || setting sender "Postfix as Debian has it, a message each second"
}

keep_logs() {
    local system name
    for system in $systems; do cp "$work/$system/log" "$results/$system.log" 2>/dev/null; done
    for name in "${senders[@]}"; do servers log "$name" >"$results/mail-${name#sender-}.log"; done
}

run_all() {
    local kind
    settle_s=${LAB_SETTLE:-2}
    find_patience
    find_duration
    tell_duration
    make_network || give_up "the network could not be made"
    choose_question
    say_on_terminal "starting the mail hosts"
    start_hosts >"$results/hosts.log" 2>&1 || give_up "a mail host did not come up: $(tail -n 1 "$results/hosts.log")"
    start_authorities
    start_resolvers
    start_senders
    write_settings
    declare -p results question_name question_type address_of mail_root >"$work/state"
    for kind in $kinds; do
        [ ! -e "$work/stop" ] || break
        say_on_terminal "$kind"
        run_kind "$kind"
    done
    sleep 3 # for the mail of the last repetition
    keep_logs
    [ ! -t 2 ] || printf '\r\033[K' >&2
}
