# Plug for the benchmark of DNS servers: evermxd with one UDP responder, zones as they stand.
plug_start() {
    {
        echo "server: {listen: [\"127.0.0.1@$PORT\"], workers: 1, control: $WORK/control.sock, probing: off, rate-limit: off}"
        echo "zones:"
        sed "s#^#  - $ZONEDIR/zones/#" "$ZONEDIR/zones.list"
    } >"$WORK/evermx.yaml"
    $PIN "${EVERMXD:-build/evermxd}" -c "$WORK/evermx.yaml" >"$WORK/log" 2>&1 &
    echo $! >"$WORK/pid"
}
