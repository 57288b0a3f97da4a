#!/usr/bin/env bash
# Installs the missing programs that Trackscribe starts and that its tests need.
#
#   scripts/install-deps.sh [--yes] [--dry-run] GROUP...
#
#   demo    what `setup.sh` needs: build tools, PostgreSQL, Redis, livekit-server, PocketSphinx
#   tests   the group demo and what `scripts/test.sh` needs: Garage, cargo-nextest, cargo-deny, ffmpeg, flite, …
#   minio   MinIO, on which the tests can run instead of Garage (TRACKSCRIBE_TEST_S3=minio)
#
#   --yes      install packages without asking (root is never asked, nor a run without a terminal)
#   --dry-run  list what is missing and why, and install nothing; exit with code 1 if anything is missing
#
# Programs on PATH are left untouched. Packages are installed with apt-get (as root or with sudo), everything else into
# TRACKSCRIBE_TOOLS (default ~/.cache/trackscribe/tools). If nothing is missing, this takes about a second.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/tools.sh
. "$here/tools.sh"

LIVEKIT_VERSION=1.13.5 # the version that the code was tested with; `go install` cannot build 1.13.6 and later
# renovate: crate=garage
GARAGE_VERSION=2.5.0
# renovate: crate=cargo-nextest
NEXTEST_VERSION=0.9.151
# renovate: crate=cargo-deny
DENY_VERSION=0.20.2
# renovate: crate=cargo-machete
MACHETE_VERSION=0.9.2
SDK_VERSION=1.2.0
API_CLIENT_VERSION=0.29.1
SCHEMATHESIS_VERSION=4.32.5
MYPY_VERSION=2.4.1
MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
RUST_VERSION=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/../Cargo.toml")
RELEASE_CONNECT_S=5 # connection timeout of a download; after a failed download the program is built instead
RELEASE_TOTAL_S=120

say() { echo "install-deps: $*" >&2; }
die() { say "$@" && exit 1; }
has() { command -v "$1" >/dev/null; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0"; }

# --- detection -------------------------------------------------------------------------------------------------------

has_library() { # checks the linker's cache if there is one, and the usual folders
    { has ldconfig || PATH="$PATH:/sbin:/usr/sbin" has ldconfig; } && PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -qF "$1" && return
    compgen -G "/usr/lib/*/$1*" >/dev/null || compgen -G "/usr/local/lib/$1*" >/dev/null
}
has_model() { compgen -G "/usr/share/pocketsphinx/model/$1/*.lm.bin" >/dev/null; }
has_libclang() { [[ -n ${LIBCLANG_PATH:-} ]] || compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null; }
has_sdk() { [[ -e $TRACKSCRIBE_TOOLS/python/livekit-$SDK_VERSION ]]; }
has_api_tools() { [[ -e $TRACKSCRIBE_TOOLS/python-api/$API_CLIENT_VERSION-$SCHEMATHESIS_VERSION-$MYPY_VERSION ]]; }
has_faketime() { compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# group | check | Debian package | reason
packages() {
    cat <<'TABLE'
demo|has initdb|postgresql|initdb and postgres: the database (a cluster that the package starts is not used)
demo|has redis-server|redis-server|redis-server: LiveKit's bus and our queue
demo|has_library libpocketsphinx.so.3|libpocketsphinx3|speech recognition without a downloaded model
demo|has_model en-us|pocketsphinx-en-us|the English model of PocketSphinx
demo|has cmake|cmake|builds libopus
demo|has c++|g++|builds libopus and the TLS library
demo|has make|make|builds libopus and the TLS library
demo|has curl|curl|downloads livekit-server and checks that servers answer
demo|has python3|python3|reads JSON in scripts
tests|has psql|postgresql-client|psql: creates the database against which queries are checked
tests|has flite|flite|speaks the sentences that tests transcribe
tests|has ffmpeg|ffmpeg|ffmpeg and ffprobe: decode recordings independently of our code
tests|has opusdec|opus-tools|opusdec: the reference decoder for recordings
tests|has shellcheck|shellcheck|checks the scripts
tests|has_libclang|libclang-dev|generates the bindings of the whisper feature
tests|has_faketime|faketime|libfaketime: steps the clock of one program
tests|has_venv|python3-venv|the environments of LiveKit's Python SDK and of the programs that check the API
TABLE
}

in_group() { # GROUP: whether it was requested; `tests` includes `demo`
    local group
    for group in "${groups[@]}"; do
        [[ $group == "$1" || ($group == tests && $1 == demo) ]] && return
    done
    return 1
}

missing_packages=()
find_missing_packages() {
    local group check package why
    while IFS='|' read -r group check package why; do
        in_group "$group" || continue
        # shellcheck disable=SC2086 # a check is a function and its argument
        $check && continue
        missing_packages+=("$package")
        say "missing: package $package ($why)"
    done < <(packages)
}

# Whether a program is installed. In TRACKSCRIBE_TOOLS it must have this version; elsewhere any version will do.
is_installed() { # PROGRAM VERSION [VERSION-COMMAND]
    has "$1" || return
    [[ $(command -v "$1") == "$TRACKSCRIBE_TOOLS"/* ]] || return 0
    "${@:3}" 2>/dev/null | grep -qF "$2"
}

missing_programs=()
require() { # GROUP PROGRAM VERSION REASON VERSION-COMMAND
    in_group "$1" || return 0
    is_installed "$2" "$3" "${@:5}" && return
    missing_programs+=("$2")
    say "missing: $2 $3 ($4)"
}
find_missing_programs() {
    require demo livekit-server "$LIVEKIT_VERSION" "the WebRTC server that meetings run on" livekit-server --version
    require tests garage "$GARAGE_VERSION" "the S3 server of the tests" garage --version
    require tests cargo-nextest "$NEXTEST_VERSION" "runs the tests" cargo-nextest nextest --version
    require tests cargo-deny "$DENY_VERSION" "checks licenses and sources of dependencies" cargo-deny --version
    require tests cargo-machete "$MACHETE_VERSION" "finds unused dependencies" cargo-machete --version
    has_sdk || require tests python-sdk "$SDK_VERSION" "LiveKit's client for Python, used as an independent publisher"
    has_api_tools || require tests api-tools "$SCHEMATHESIS_VERSION" "openapi-python-client, mypy and schemathesis, which check the API"
    require minio minio "" "an alternative S3 server for the tests" echo
}

check_toolchains() {
    has cargo || die "cargo is missing; install Rust $RUST_VERSION or later (https://rustup.rs)"
    local found
    found=$(rustc --version | cut -d' ' -f2)
    [[ $(printf '%s\n' "$RUST_VERSION" "$found" | sort -V | head -1) == "$RUST_VERSION" ]] ||
        die "Rust $found is too old; install $RUST_VERSION or later, for example with 'rustup update'"
}

# --- installation --------------------------------------------------------------------------------------------------

as_root() {
    if [[ $EUID == 0 ]]; then "$@"; else sudo "$@"; fi
}

ask() {
    [[ $yes == no && $EUID != 0 && -t 0 ]] || return 0
    local answer
    read -rp "install-deps: install these packages with sudo apt-get? [Y/n] " answer
    [[ ${answer:-y} == [yY]* ]] || die "nothing was installed"
}

install_packages() {
    [[ ${#missing_packages[@]} -gt 0 ]] || return 0
    has apt-get || die "apt-get is missing; install the packages listed above with your package manager, then run this again"
    [[ $EUID == 0 ]] || has sudo || die "root or sudo is needed; ask an administrator to run: apt-get install ${missing_packages[*]}"
    ask
    say "apt-get install ${missing_packages[*]}"
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing_packages[@]}" >"$logs/apt.log" 2>&1 ||
        die "apt-get failed: $(tail -n 5 "$logs/apt.log")"
}

need_go() {
    has go || die "Go is missing, which is needed to build $1; install Go 1.26 or later (https://go.dev/dl), or put $1 on PATH ($2)"
}

install_livekit_server() {
    download_livekit_server && return
    need_go livekit-server "release $LIVEKIT_VERSION of https://github.com/livekit/livekit"
    GOBIN=$build/go go install "github.com/livekit/livekit-server/cmd/server@v$LIVEKIT_VERSION" && put "$build/go/server" livekit-server
}

# Installs the official release after checking its published checksum. If the download fails, it is built instead.
download_livekit_server() {
    local arch name url folder=$build/release
    case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) return 1 ;;
    esac
    name="livekit_${LIVEKIT_VERSION}_linux_$arch.tar.gz"
    url="https://github.com/livekit/livekit/releases/download/v$LIVEKIT_VERSION"
    mkdir -p "$folder"
    fetch "$url/checksums.txt" "$folder" && fetch "$url/$name" "$folder" || return
    (cd "$folder" && grep -F " $name" checksums.txt | sha256sum --check --quiet) ||
        die "the checksum of $name differs from the published one; nothing was installed"
    tar -xzf "$folder/$name" -C "$folder" livekit-server && put "$folder/livekit-server" livekit-server
}

fetch() { # URL FOLDER
    has curl && curl -fsSL --connect-timeout "$RELEASE_CONNECT_S" --max-time "$RELEASE_TOTAL_S" --output-dir "$2" -O "$1"
}

# Without optimization and with the smaller database engine, which saves a quarter of an hour and is fast enough here.
install_garage() {
    cargo_install garage --version "$GARAGE_VERSION" --no-default-features --features bundled-libs,sqlite
}

install_cargo_nextest() {
    cargo_install cargo-nextest --version "$NEXTEST_VERSION" --no-default-features --features default-no-update
}

install_cargo_deny() {
    cargo_install cargo-deny --version "$DENY_VERSION"
}

# Optimized a little: 2 s instead of 12 s for each run of the tests.
install_cargo_machete() {
    CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo_install cargo-machete --version "$MACHETE_VERSION"
}

# In its own environment. The marker file is created last, so that an interrupted installation is repeated.
install_python_sdk() {
    local folder=$TRACKSCRIBE_TOOLS/python
    rm -rf "$folder" && python3 -m venv "$folder" &&
        "$folder/bin/pip" install --quiet --disable-pip-version-check "livekit==$SDK_VERSION" && touch "$folder/livekit-$SDK_VERSION"
}

install_api_tools() {
    local folder=$TRACKSCRIBE_TOOLS/python-api
    rm -rf "$folder" && python3 -m venv "$folder" &&
        "$folder/bin/pip" install --quiet --disable-pip-version-check "openapi-python-client==$API_CLIENT_VERSION" \
            "schemathesis==$SCHEMATHESIS_VERSION" "mypy==$MYPY_VERSION" &&
        touch "$folder/$API_CLIENT_VERSION-$SCHEMATHESIS_VERSION-$MYPY_VERSION"
}

install_minio() {
    need_go minio "a release of https://github.com/minio/minio"
    GOBIN=$build/go go install "github.com/minio/minio@$MINIO_VERSION" && put "$build/go/minio" minio
}

# Outside the repository, so that its cargo configuration does not apply, and in a separate target folder.
cargo_install() {
    (cd "$build" && env -u RUSTFLAGS CARGO_TARGET_DIR="$build/$1" cargo install --locked --debug --no-track --force --root "$build/root" "$@") &&
        put "$build/root/bin/$1" "$1" && rm -rf "${build:?}/$1"
}

put() { # FILE NAME: moves the file into place, so that a concurrent run never sees an incomplete program
    local folder=$TRACKSCRIBE_TOOLS/bin
    mkdir -p "$folder"
    strip --strip-debug "$1" 2>/dev/null || true
    cp "$1" "$folder/.$2.$$" && mv "$folder/.$2.$$" "$folder/$2"
}

# Builds with Go run in parallel to builds with cargo; two builds of the same kind would compete for the cores.
install_programs() {
    local pid pids=() failed=no
    install_each livekit-server python-sdk api-tools minio & pids+=($!)
    install_each garage cargo-nextest cargo-deny cargo-machete & pids+=($!)
    for pid in "${pids[@]}"; do wait "$pid" || failed=yes; done
    [[ $failed == no ]] || die "some programs could not be installed; see above"
}

install_each() {
    local program failed=0
    for program; do
        [[ " ${missing_programs[*]} " != *" $program "* ]] || install_one "$program" || failed=1
    done
    return "$failed"
}

install_one() {
    local log=$logs/$1.log started=$SECONDS
    say "installing $1 into $TRACKSCRIBE_TOOLS/bin; if it must be compiled, this takes some minutes"
    if (install_"${1//-/_}") >"$log" 2>&1; then
        say "installed $1 in $((SECONDS - started)) s"
    else
        say "cannot install $1: $(tail -n 5 "$log")" && return 1
    fi
}

# ---------------------------------------------------------------------------------------------------------------------

yes=no dry_run=no groups=()
for argument; do
    case $argument in
    --yes) yes=yes ;;
    --dry-run) dry_run=yes ;;
    --help) usage && exit 0 ;;
    demo | tests | minio) groups+=("$argument") ;;
    *) usage >&2 && exit 2 ;;
    esac
done
[[ ${#groups[@]} -gt 0 ]] || { usage >&2 && exit 2; }

check_toolchains
find_missing_packages
find_missing_programs
[[ ${#missing_packages[@]} -gt 0 || ${#missing_programs[@]} -gt 0 ]] || exit 0
[[ $dry_run == no ]] || exit 1

build=$(mktemp -d) logs=$build/logs
mkdir "$logs"
trap 'rm -rf "$build"' EXIT
install_packages
install_programs
say "everything is installed"
