#!/bin/bash
# test_bad_input.sh - what the third column of bad-input.md names is there: functions of tests, their
# files, and "cases" of tables.

set -u
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd -P) || exit 1
cd "$here" || exit 1
names=0 missing=0

column() {
    awk -F ' [|] ' '/^[|]/ && !/^[|] (---|input)/ { print $3 }' bad-input.md
}

found() { # WHAT GREP-OPTION ...
    if grep -rq --include='*.[ch]' --include='*.sh' --exclude="${0##*/}" "${@:2}" -- "$1" . || [ -n "$(find . -name "$1" -o -name "$1.[cyzs]*")" ]; then
        names=$((names + 1))
    else
        missing=$((missing + 1))
        printf 'bad-input.md names %s, which is in no test\n' "$1"
    fi
}

while read -r name; do
    found "$name" -w
done < <(column | sed 's/"[^"]*"//g' | grep -oE '[a-z0-9]+([_-][a-z0-9]+)+(\.[a-z]+)?' | sort -u)
while read -r name; do
    found "${name//\"/}" -F
done < <(column | grep -oE '"[^"]*"' | sort -u)

if [ "$missing" -eq 0 ] && [ "$names" -gt 50 ]; then
    echo "1 passed, 0 failed, 0 skipped"
else
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
