#!/bin/sh
# test_peers.sh - a small differential run, with a seed that never changes; tests/differential/run has more.
exec "$(dirname "$0")/run" 1 40
