#!/usr/bin/env bash
# Counts the instructions that a message takes on its way, and fails where one takes more than was recorded. That says
# nothing of caches, system calls and waiting, which bench/micro and leveret bench measure; but unlike time it is the
# same in every run, on a busy machine too, so that a path which has got a little longer is seen at once.
#
#   bench/check.sh            compares with bench/instructions.txt; exit code 1 where a path has got longer
#   bench/check.sh --record   writes what it measures there: when it has got better, or longer for a good reason
#
# bench/micro/message_path.hpp says what the paths are; a message has 128 bytes. To see where the instructions go:
#   valgrind --tool=callgrind --callgrind-out-file=/tmp/path.out build/bench/bin/message_path SCENARIO MESSAGES
#   callgrind_annotate --auto=no --inclusive=yes /tmp/path.out
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

recorded_file=bench/instructions.txt
# Repeated runs differ by less than 0.01 %, so this much is no accident, but it leaves room for another minor version of
# the compiler or the C library.
tolerance_percent=3

# count_instructions SCENARIO MESSAGES: prints the scenario, how many messages it pushed, and its instructions.
count_instructions() {
    local words pushed
    words=$(mktemp)
    # Without ERMS the C library copies in a loop of vectors: an emulated `rep movsb` counts as an instruction a byte.
    if ! pushed=$(GLIBC_TUNABLES=glibc.cpu.hwcaps=-ERMS valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        build/bench/bin/message_path "$1" "$2" 2>"$words"); then
        grep -v '^==' "$words" >&2 # valgrind's own words
        rm "$words"
        return 255 # the one that stops xargs
    fi
    echo "$1 $pushed $(awk '/Collected :/ { print $NF }' "$words")"
    rm "$words"
}
export -f count_instructions

# What two runs differ by is the messages' own: starting, filling buffers and ending cost both the same.
measure() {
    build/bench/bin/message_path --list |
        awk '{ print $1, $2; print $1, 2 * $2 }' |
        xargs -P "$(nproc)" -n 2 bash -c 'count_instructions "$@"' count_instructions |
        sort -k 1,1 -k 2,2n |
        awk 'NF != 3 { exit 1 }
             $1 == scenario { printf "%s %.2f\n", $1, ($3 - instructions) / ($2 - messages) }
             { scenario = $1; messages = $2; instructions = $3 }'
}

# compare RECORDED MEASURED: prints the table; 1 where something is longer, new or gone.
compare() {
    awk -v tolerance="$tolerance_percent" '
        function row(name, before, now, change, verdict) {
            printf "%-28s %10s %10s %9s  %s\n", name, before, now, change, verdict
        }
        BEGIN { row("instructions per message", "recorded", "now", "change", "") }
        /^#/ { next }
        FILENAME == ARGV[1] { recorded[$1] = $2; next }
        !($1 in recorded) { row($1, "-", $2, "", "NOT RECORDED"); failed = 1; next }
        {
            change = ($2 / recorded[$1] - 1) * 100
            verdict = change > tolerance ? "LONGER" : change < -tolerance ? "better" : ""
            if (change > tolerance) failed = 1
            if (change < -tolerance) better = 1
            row($1, recorded[$1], $2, sprintf("%+.2f %%", change), verdict)
            delete recorded[$1]
        }
        END {
            for (name in recorded) { row(name, recorded[name], "-", "", "GONE"); failed = 1 }
            if (better) print "better by more than " tolerance " %: keep it with bench/check.sh --record"
            if (failed) print "longer by more than " tolerance " %, new or gone: if meant, bench/check.sh --record"
            exit failed
        }' "$1" "$2"
}

case ${1-} in
    "" | --record) ;;
    *) die "usage: bench/check.sh [--record]" ;;
esac
install_packages build check
configure_and_build bench message_path
measured=$(mktemp)
trap 'rm -f "$measured"' EXIT
measure >"$measured" || die "a path could not be measured"
if [ "${1-}" = --record ]; then
    {
        echo "# Instructions per message, x86-64, Debian 12's g++, Release. Written by bench/check.sh --record."
        cat "$measured"
    } >"$recorded_file"
    cat "$recorded_file"
    exit
fi
[ -s "$recorded_file" ] || die "$recorded_file is not there: bench/check.sh --record writes it"
compare "$recorded_file" "$measured"
