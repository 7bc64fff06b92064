#!/usr/bin/env bash
# Installs what is missing, builds the broker, its command line and its examples, and runs the broker.
#
#   ./run.sh                      on 127.0.0.1:8889
#   PORT=9000 ./run.sh            HOST and every limit have a variable, too: ./run.sh --help
#   ./run.sh --threads 2          arguments go to leveret-server
#   ./run.sh --build-only         stops before running it
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

install_packages build
configure_and_build release src/all client/all examples/all
[ "${1-}" = --build-only ] && exit 0
exec build/release/bin/leveret-server "$@"
