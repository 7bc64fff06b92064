#!/usr/bin/env bash
# Leveret beside NATS, Redis, Mosquitto and what the machine can do at most, measured in one go on this machine:
#
#   bench/compare.sh                          everything: about an hour; nothing else should run meanwhile
#   bench/compare.sh --runs 3 --workloads throughput,fanout
#   bench/compare.sh --list                   the workloads
#
# Installs the other brokers and their client libraries (Debian packages; none is started by itself or left running),
# builds, measures, and writes tables, the goals and pictures into build/compare/report. Arguments go to the program
# that measures: build/compare/bin/compare --help.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

install_packages build compare
configure_and_build compare compare leveret-server

case " $* " in
*" --list "* | *" --help "* | *" -h "*) exec build/compare/bin/compare "$@" ;;
esac
results=build/compare/results.json
build/compare/bin/compare --output "$results" "$@"
python3 bench/compare/report.py "$results" --output build/compare/report
say "tables, goals and pictures are in build/compare/report"
