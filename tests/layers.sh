#!/bin/bash
# layers.sh - the walls of src/, checked.
#
#   tests/layers.sh [BUILD_DIRECTORY]      default: build
#
# 1. A folder of src/ is a layer, and includes only from the layers that stand after its name below.
# 2. No header includes itself by way of others.
# 3. No mutable variable lives longer than a call, outside main.c and base/log.c: read from the
#    objects in BUILD_DIRECTORY.
#
# Each violation is told as FILE:LINE. The script then breaks each rule in a copy and expects to see
# it told. Exit status: 0 all is well, 1 violations, 2 cannot check.

set -u
LC_ALL=C
export LC_ALL

# A layer stands below all that it includes, so that no call goes back.
readonly layers="
base:
wire: base
config: base
model: base wire config
verdict: base
probe: base model verdict
answer: base wire model verdict
serve: base wire answer
engine: base wire model verdict probe answer
control: base wire config engine serve
"
readonly mutable_allowed="main base/log"

repository=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P) || exit 2

# Lines "FILE:LINE:INCLUDED" of all that src/ includes by quotes; paths are from src/.
list_includes() {
    (cd "$1/src" && grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' .) |
        sed -nE 's/^\.\/([^:]+:[0-9]+):[^"]*"([^"]*)".*/\1:\2/p' | sort -t: -k1,1 -k2,2n
}

check_folders() {
    local folder
    for folder in "$1"/src/*/; do
        folder=${folder%/}
        grep -q "^${folder##*/}:" <<<"$layers" || echo "src/${folder##*/}: no such layer in tests/layers.sh"
    done
}

# In $layers itself, a layer may name only those above it: then no circle of layers can be allowed.
check_table() {
    awk -F'[: ]+' 'NF { for (i = 2; i <= NF; i++)
        if ($i != "" && !($i in seen)) print "tests/layers.sh: " $1 " names " $i ", which does not stand above it"
        seen[$1] = 1 }' <<<"$layers"
}

check_includes() {
    awk -F: -v layers="$layers" -v root="$1/src/" '
        BEGIN {
            count = split(layers, lines, "\n")
            for (i = 1; i <= count; i++) {
                split(lines[i], halves, ":")
                words = split(halves[2], names, " ")
                allowed[halves[1], halves[1]] = 1
                for (j = 1; j <= words; j++) allowed[halves[1], names[j]] = 1
            }
        }
        {
            place = "src/" $1 ":" $2
            layer = $1; if (!sub(/\/.*/, "", layer)) layer = ""
            included = $3; if (!sub(/\/.*/, "", included)) included = ""
            if ((getline line < (root $3)) < 0)
                print place ": \"" $3 "\" is no file of src/ (paths are from there)"
            else if (layer != "" && !((layer, included) in allowed))
                print place ": layer " layer " must not include " (included == "" ? $3 : "layer " included)
            close(root $3)
        }'
}

# A walk down from each file; a file that is met again on its own way closes a circle.
check_circles() {
    awk -F: '
        function walk(name, way,    list, count, i) {
            state[name] = "open"
            count = split(uses[name], list, " ")
            for (i = 1; i <= count; i++) {
                if (state[list[i]] == "open")
                    print "src/" place[name, list[i]] ": circle: " \
                        substr(way name " -> ", index(" " way name " -> ", " " list[i] " -> ")) list[i]
                else if (state[list[i]] == "")
                    walk(list[i], way name " -> ")
            }
            state[name] = "done"
        }
        {
            place[$1, $3] = $1 ":" $2
            uses[$1] = uses[$1] " " $3
            order[++lines] = $1
        }
        END { for (i = 1; i <= lines; i++) if (state[order[i]] == "") walk(order[i], "") }'
}

# Symbols in sections that can be written to at run time; .data.rel.ro is not, once it is relocated.
list_mutable() {
    nm -f sysv --defined-only "$1" | tr -d ' ' | awk -F'|' '
        $4 != "SECTION" && $4 != "FILE" && $7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\.sdata|\.sbss|COM|\*COM\*)/ &&
        $7 !~ /^\.data\.rel\.ro/ { sub(/\.[0-9]+$/, "", $1); print $1 }'
}

check_mutable() {
    local object module name line
    while IFS= read -r object; do
        module=${object#"$2"/src/}
        module=${module%.o}
        [ -e "$1/src/$module.c" ] || continue
        case " $mutable_allowed " in *" $module "*) continue ;; esac
        for name in $(list_mutable "$object"); do
            line=$(grep -nwm1 -e "$name" "$1/src/$module.c")
            echo "src/$module.c:${line%%:*}: variable $name outlives the call and can change"
        done
    done < <(find "$2/src" -name '*.o' | sort)
}

check_all() {
    local includes
    includes=$(list_includes "$1")
    check_table
    check_folders "$1"
    check_includes "$1" <<<"$includes"
    check_circles <<<"$includes"
    check_mutable "$1" "$2"
}

# Breaks a copy of the tree by command $2 and looks for the violation $1.
expect() {
    local copy=$scratch/copy found
    rm -rf "$copy"
    mkdir -p "$copy/build/src"
    cp -R "$repository/src" "$copy/"
    (cd "$copy" && eval "$2") || exit 2
    found=$(check_all "$copy" "$copy/build")
    if grep -qF -- "$1" <<<"$found"; then
        passed=$((passed + 1))
        return
    fi
    echo "tests/layers.sh: broke '$2', expected to be told '$1', was told: ${found:-nothing}"
    failed=$((failed + 1))
}

test_itself() {
    scratch=$(mktemp -d) || exit 2
    trap 'rm -rf "$scratch"' EXIT
    expect 'src/base/log.c:1: layer base must not include layer wire' \
        'sed -i "1i #include \"wire/name.h\"" src/base/log.c'
    expect 'src/serve/respond.c:1: layer serve must not include layer engine' \
        'sed -i "1i # include  \"engine/engine.h\"" src/serve/respond.c'
    expect 'src/wire/name.h:1: "name.h" is no file of src/' \
        'sed -i "1i #include \"name.h\"" src/wire/name.h'
    expect 'src/verdict/verdict.h:1: layer verdict must not include main.h' \
        'touch src/main.h && sed -i "1i #include \"main.h\"" src/verdict/verdict.h'
    expect 'src/base/log.h:1: circle: base/arena.h -> base/table.h -> base/log.h -> base/arena.h' \
        'sed -i "1i #include \"base/table.h\"" src/base/arena.h
         sed -i "1i #include \"base/log.h\"" src/base/table.h
         sed -i "1i #include \"base/arena.h\"" src/base/log.h'
    expect 'src/extra: no such layer' 'mkdir src/extra'
    expect 'src/base/clock.c:2: variable count outlives' \
        'printf "int step(void);\nint step(void) { static int count; return count++; }\n" >src/base/clock.c
         mkdir -p build/src/base && cc -c -o build/src/base/clock.o src/base/clock.c'
}

build=${1:-$repository/build}
if [ ! -e "$build/src/base/log.o" ]; then
    echo "tests/layers.sh: $build holds no objects: run make first" >&2
    exit 2
fi
passed=0 failed=0
violations=$(check_all "$repository" "$build")
if [ -n "$violations" ]; then
    printf '%s\n' "$violations"
    failed=1
else
    echo "layers: $(list_includes "$repository" | wc -l) includes, no violation"
    passed=1
fi
test_itself
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
