# Shared by run.sh, test.sh and .ci/run: say, die, install_packages, configure_and_build. Sourced, from the top folder.

# One line for people; data goes to stdout, words to stderr.
say() { echo "${0##*/}: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# packages_of GROUP…: the names in scripts/packages.txt that belong to these groups.
packages_of() {
    awk -v groups=" $* " '!/^#/ && NF && index(groups, " " $2 " ") { print $1 }' scripts/packages.txt
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages GROUP…: installs what is missing, and does nothing at all, not even look at the network, when nothing is.
install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this is not Debian: install what scripts/packages.txt lists, then: cmake --preset release && cmake --build --preset release"
    fi
    local package missing=()
    for package in $(packages_of "$@"); do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing packages, and neither root nor sudo to install them: ${missing[*]}"
        as_root=(sudo)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
    say "installing ${missing[*]}"
    "${apt[@]}" update >&2 || die "apt-get update failed: is there a network?"
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2 ||
        die "apt-get could not install: ${missing[*]}"
}

# configure_and_build PRESET [TARGET…]: everything, or these targets only, in build/PRESET.
configure_and_build() {
    local preset=$1
    shift
    local log=build/$preset.configure.log
    mkdir -p build
    if ! cmake --preset "$preset" >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        die "configuring '$preset' failed; the whole output is in $log"
    fi
    local targets=()
    [ $# -eq 0 ] || targets=(--target "$@")
    cmake --build --preset "$preset" --parallel "$(nproc)" "${targets[@]}" </dev/null >&2 ||
        die "building '$preset' failed; the first error is above"
}
