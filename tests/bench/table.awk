# table.awk - bench.sh's results, "SET SERVER KIND key=value ...", as one table. Medians over the rounds.

{
    if (!(($1, $2) in seen)) {
        seen[$1, $2] = 1
        if ($2 == "evermxd") sets[++nsets] = $1
    }
    for (i = 4; i <= NF; i++) {
        split($i, pair, "=")
        place = $1 SUBSEP $2 SUBSEP $3 SUBSEP pair[1]
        values[place, ++count[place]] = pair[2] + 0
    }
}

# The p-quantile of what a key had in all rounds.
function quantile(set, server, kind, key, p,    place, n, i, j, list, swap) {
    place = set SUBSEP server SUBSEP kind SUBSEP key
    n = count[place]
    for (i = 1; i <= n; i++) list[i] = values[place, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && list[j] < list[j - 1]; j--) { swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap }
    return n ? list[1 + int(p * (n - 1) + .5)] : 0
}

function median(set, server, kind, key) { return quantile(set, server, kind, key, .5) }

function total(set, kind, key,    place, i, sum) {
    place = set SUBSEP "evermxd" SUBSEP kind SUBSEP key
    for (i = 1; i <= count[place]; i++) sum += values[place, i]
    return sum + 0
}

# Neighbours only ever make an answer dearer: the lower quartile of both tells most of the servers.
function share(set, kind,    own) {
    own = quantile(set, "evermxd", kind, "server_ns", .25)
    return own ? quantile(set, "ceiling", kind, "server_ns", .25) / own : 0
}

# A server that has time left was asked too little.
function mark(set, kind) { return median(set, "evermxd", kind, "server_share") < .9 ? "*" : " " }

function thousands(number,    text, out) {
    text = sprintf("%.0f", number)
    while (length(text) > 3) { out = "," substr(text, length(text) - 2) out; text = substr(text, 1, length(text) - 3) }
    return text out
}

function words(set) {
    return set == "one" ? "1 zone" : set == "many" ? thousands(zones) " zones" : thousands(domains) " by template"
}

function rule(left, middle, right,    i, j, line, widths) {
    split("23 15 28 19 28", widths, " ")
    line = left
    for (i = 1; i <= 5; i++) {
        for (j = 0; j < widths[i]; j++) line = line "─"
        line = line (i < 5 ? middle : right)
    }
    print line
}

END {
    row = "│ %21s │ %6s %6s │ %10s%1s %6s %7s │ %8s %8s │ %10s%1s %6s %7s │\n"
    print version ", " cpu ", " (cores == 2 ? "a core for the server, another for the load" : "ONE core for server and load") ";"
    printf "%d rounds, slices of %s s, server and ceiling in turn\n\n", rounds, slice
    rule("┌", "┬", "┐")
    printf "│ %21s │ %-13s │ %-26s │ %-18s│ %-26s │\n", "", "start", "UDP, one thread", "at " thousands(rate) " q/s", "TCP, 64 connections"
    printf row, "zones", "load s", "MiB", "q/s", "", "ns", "ceiling", "p50 us", "p99 us", "q/s", "", "ns", "ceiling"
    rule("├", "┼", "┤")
    for (i = 1; i <= nsets; i++) {
        set = sets[i]
        printf row, words(set), sprintf("%.2f", median(set, "evermxd", "start", "load_s")), \
            sprintf("%.1f", median(set, "evermxd", "start", "kib") / 1024), \
            thousands(median(set, "evermxd", "udp", "qps")), mark(set, "udp"), \
            thousands(median(set, "evermxd", "udp", "server_ns")), sprintf("%.2f", share(set, "udp")), \
            sprintf("%.1f", median(set, "evermxd", "rate", "p50_us")), \
            sprintf("%.0f", quantile(set, "evermxd", "rate", "p99_us", .25)), \
            thousands(median(set, "evermxd", "tcp", "qps")), mark(set, "tcp"), \
            thousands(median(set, "evermxd", "tcp", "server_ns")), sprintf("%.2f", share(set, "tcp"))
        split("udp rate tcp", kinds, " ")
        for (k = 1; k <= 3; k++) {
            wrong += total(set, kinds[k], "wrong")
            lost += total(set, kinds[k], "lost")
            right += total(set, kinds[k], "right")
        }
    }
    rule("└", "┴", "┘")
    printf "%s right answers, %d wrong, %d lost\n\n", thousands(right), wrong, lost
    print "ns       the server's CPU time for a right answer: tells more than q/s, which falls when others use the machine"
    print "ceiling  the share of the ceiling: ns of a responder that only receives and sends, over ns of evermxd;"
    print "         1.00 is what the kernel's sockets allow, differences of 0.03 are noise"
    print "us       from the moment at which a query was due until its answer; p99: lower quartile of the rounds"
    print "load s   from start to ready; MiB: resident memory then"
    if (cores == 2) print "*        the server did not have its core all the time: others used the machine, or the load could not send more"
    else print "*        server and load share one core: q/s is what both reach together; ns still holds"
    exit wrong > 0
}
