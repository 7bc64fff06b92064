#!/usr/bin/env bash
# Leveret beside NATS, Redis, Mosquitto and programs that only relay, echo or append, measured in one go on this machine:
#
#   bench/compare.sh                          everything: about an hour, longer on a slow day; nothing else should run meanwhile
#   bench/compare.sh --runs 3 --workloads throughput,fanout
#   bench/compare.sh --workloads acknowledged,replay,live --replay-records 100000   where records are stored, less of it
#   bench/compare.sh --list                   the workloads
#
# Installs the other brokers and their client libraries (Debian packages),
# builds, measures, and writes tables, the goals and pictures into build/compare/report. Arguments go to the program
# that measures: build/compare/bin/compare --help. Exit code 3: a run failed, the tables say which and why.
# Stored records are kept in build/compare/data, up to 25 GB of them, or in the folder after --data-dir.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

install_packages build compare
configure_and_build compare compare leveret-server

case " $* " in
*" --list "* | *" --help "* | *" -h "*) exec build/compare/bin/compare "$@" ;;
esac
if command -v systemctl >/dev/null; then
    for service in nats-server redis-server mosquitto; do
        # Debian starts what it installs; the comparison starts servers of its own.
        ! systemctl is-active --quiet "$service" || say "the service $service runs and may disturb: systemctl stop $service"
    done
fi

trap 'rm -rf build/compare/data' EXIT # what is left of it where the program was interrupted
results=build/compare/results.json
status=0
build/compare/bin/compare --output "$results" "$@" || status=$?
[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || exit "$status" # 3: some runs failed; the report says which
python3 bench/compare/report.py "$results" --output build/compare/report
say "tables, goals and pictures are in build/compare/report"
exit "$status"
