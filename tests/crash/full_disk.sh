#!/usr/bin/env bash
# Fills a file system of 64 MiB with records and frees it again, 20 times, once with a restart while it is full:
#
#   tests/crash/full_disk.sh [CYCLES]        as root: it mounts a file system in memory; BUILD_DIR=… is another build
#
# Each time: publishes are refused with disk_full, and nothing else is; what was acknowledged can be read; positions can
# be committed; a topic in memory does not notice; and when there is room again publishing goes on by itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
cycles=${1:-20}
bin=$PWD/${BUILD_DIR:-build/release}/bin
work=$(mktemp -d)
server=

die() {
    echo "full_disk: $*" >&2
    exit 1
}
stop_server() {
    [ -z "$server" ] || { kill "$server" && wait "$server" || true; }
    server=
}
clean_up() {
    stop_server
    umount "$work/disk" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

start_server() {
    "$bin/leveret-server" --port 0 --data-dir "$work/disk/data" --store file --segment-bytes 4M 2>"$work/server.log" &
    server=$!
    until port=$(grep -o 'listening on 127.0.0.1:[0-9]*' "$work/server.log" | grep -o '[0-9]*$'); do
        kill -0 "$server" 2>/dev/null || die "the server has ended: $(tail -n 1 "$work/server.log")"
    done
    export PORT=$port
}
figure() { "$bin/leveret" --json topic describe filled | python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

mkdir "$work/disk"
mount -t tmpfs -o size=64m none "$work/disk" || die "cannot mount a file system: run it as root"
start_server
"$bin/leveret" topic create filled
"$bin/leveret" topic create beside --store memory
line=$(head -c 4000 /dev/zero | tr '\0' x)
acknowledged=0
for cycle in $(seq "$cycles"); do
    before=$(figure next)
    # More than fits. Each acknowledgement is a line; the first refusal ends it.
    if yes "$line" | head -n 20000 | "$bin/leveret" --json pub filled >"$work/acknowledged" 2>"$work/refused"; then
        die "cycle $cycle: the disk did not fill"
    fi
    grep -q disk_full "$work/refused" || die "cycle $cycle: refused with something else: $(head -n 1 "$work/refused")"
    next=$(figure next)
    acknowledged=$((acknowledged + next - before))
    [ "$(wc -l <"$work/acknowledged")" -le $((next - before)) ] || die "cycle $cycle: acknowledged more than is there"
    [ "$next" -gt "$before" ] || die "cycle $cycle: nothing was taken"
    "$bin/leveret" pub beside 'a topic in memory does not notice'
    if [ "$cycle" -eq $((cycles / 2)) ]; then
        stop_server
        start_server
        [ "$(figure next)" -eq "$next" ] || die "cycle $cycle: after a restart on a full disk the log ends elsewhere"
        "$bin/leveret" topic create beside --store memory
    fi
    read_back=$("$bin/leveret" fetch filled --from "$(figure first)" --format '%o' | wc -l)
    [ "$read_back" -eq $((next - $(figure first))) ] || die "cycle $cycle: $read_back records could be read"
    "$bin/leveret" topic trim filled --before "$next"
    until "$bin/leveret" pub filled 'there is room again' 2>"$work/refused"; do
        grep -q disk_full "$work/refused" || die "cycle $cycle: $(head -n 1 "$work/refused")"
    done
done
stop_server
"$bin/leveret" log verify --data-dir "$work/disk/data" >/dev/null || die "log verify has findings"
echo "full_disk: $cycles cycles, $acknowledged records acknowledged, none lost, one restart while full"
