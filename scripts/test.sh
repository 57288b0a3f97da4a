#!/usr/bin/env bash
# Runs every check: format, scripts, dependencies, committed query data, lints, documentation, then all tests against
# real servers.
#
#   scripts/test.sh                   everything
#   scripts/test.sh NEXTEST_ARGS...   only the tests that these arguments of `cargo nextest run` select, for example
#                                     scripts/test.sh late_joiner, or scripts/test.sh -p egress. The tests of package e2e
#                                     need the program trackscribe, which -p e2e does not build: use -E 'package(e2e)'
#
# Starts one PostgreSQL and one S3 server on free ports in a temporary folder, and stops them at its end. Each test creates
# its own database and bucket there, and starts its own Redis and livekit-server if it needs them.
#
#   TRACKSCRIBE_TEST_S3=minio   uses MinIO instead of Garage as S3 server, shared or of one test
#   TRACKSCRIBE_TOOLS           folder of programs without a package (see scripts/install-deps.sh)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

STORE=${TRACKSCRIBE_TEST_S3:-garage}
START_S=30 # how long a server may take to start
PORT_TRIES=5 # another program may take a port before the server does
export TRACKSCRIBE_TEST_S3=$STORE TRACKSCRIBE_TEST_S3_REGION=us-east-1
FEATURES=(--features trackscribe/whisper)

pids=() work=''
say() { echo "== $*"; }
die() { echo "test.sh: $*" >&2 && exit 1; }

main() {
    case "${1:-}" in
    --help | -h) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" && return ;;
    esac
    trap stop_all EXIT
    trap 'exit 130' INT TERM
    # In /tmp and not in TMPDIR, because the user that runs PostgreSQL must be able to enter it.
    work=$(mktemp -d /tmp/trackscribe-test.XXXXXX)
    chmod 755 "$work"
    say "started $(date +%T), $(nproc) cores"
    step "programs" install_programs
    step "PostgreSQL" start_postgres
    step "$STORE" start_store
    if [[ $# == 0 ]]; then
        step "format" cargo fmt --all --check
        step "scripts" check_scripts
        step "dependencies" check_dependencies
        step "query data" scripts/sqlx-prepare.sh --check
        step "lints" cargo clippy --quiet --workspace --all-targets "${FEATURES[@]}" -- -D warnings
        step "documentation" check_documentation
        step "doc tests" quietly cargo test --doc --workspace "${FEATURES[@]}"
    fi
    say "tests"
    # Last, so that the summary of the tests is printed at the end. Without -p, nextest runs the whole workspace; with -p,
    # Cargo refuses the feature of a package that is not selected.
    ! selects_packages "$@" || FEATURES=()
    cargo nextest run --cargo-quiet "${FEATURES[@]}" --profile ci "$@"
}

selects_packages() { # NEXTEST_ARGS...
    local arg
    for arg in "$@"; do
        case $arg in
        -p* | --package | --package=*) return 0 ;;
        esac
    done
    return 1
}

step() { # NAME COMMAND...
    local name=$1 started=$SECONDS
    shift
    "$@" || die "$name: failed after $((SECONDS - started)) s"
    say "$name: $((SECONDS - started)) s"
}

install_programs() {
    local groups=(tests)
    [[ $STORE != minio ]] || groups+=(minio)
    scripts/install-deps.sh --yes "${groups[@]}"
}

check_scripts() {
    local scripts
    mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
    shellcheck -x "${scripts[@]}"
}

# Advisories need the network, so only continuous integration checks them.
check_dependencies() {
    quietly cargo deny --offline --workspace check licenses bans sources && quietly cargo machete --skip-target-dir
}

check_documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps "${FEATURES[@]}"; }

quietly() { # COMMAND...: prints its output only if it fails
    local log=$work/quietly.log
    "$@" >"$log" 2>&1 || { cat "$log" >&2 && return 1; }
}

# --- servers ---------------------------------------------------------------------------------------------------------

# Starts a program that the system kills if this script is killed.
launch() { # LOG COMMAND...
    local log=$1
    shift
    setpriv --pdeathsig KILL "$@" >"$log" 2>&1 &
    pids+=($!)
}

# Below the range from which the system takes ports for outgoing connections (32768 and up).
free_port() {
    local port
    while true; do
        port=$((15000 + RANDOM % 4000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
    done
}

# Starts a server, and tries other ports if it exits.
start_server() { # NAME LAUNCH-COMMAND READY-COMMAND
    local _
    for ((_ = 0; _ < PORT_TRIES; _++)); do
        "$2"
        wait_for "${pids[-1]}" "$3" && return
    done
    die "cannot start $1: $(tail -n 20 "$work/$1.log")"
}

wait_for() { # PID READY-COMMAND: fails if the process exits or is not ready in time
    local deadline=$((SECONDS + START_S))
    until "$2" >/dev/null 2>&1; do
        kill -0 "$1" 2>/dev/null || return 1
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

start_postgres() {
    # initdb and postgres refuse to run as root.
    as_user=()
    if [[ $EUID == 0 ]]; then
        local user=nobody
        id postgres >/dev/null 2>&1 && user=postgres
        install -d -o "$user" "$work/postgres"
        as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --)
    fi
    (cd / && "${as_user[@]}" initdb --pgdata "$work/postgres/data" --username postgres --auth trust --no-sync --encoding UTF8 --locale C) >"$work/initdb.log" 2>&1 ||
        die "initdb failed: $(tail -n 5 "$work/initdb.log")"
    start_server postgres launch_postgres postgres_answers
    export DATABASE_URL="postgres://postgres@127.0.0.1:$postgres_port/postgres"
}

launch_postgres() {
    postgres_port=$(free_port)
    # Test data need not survive a power failure, so nothing is synced to disk.
    launch "$work/postgres.log" "${as_user[@]}" postgres -D "$work/postgres/data" -p "$postgres_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400 -c shared_buffers=128MB \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off
}

postgres_answers() { psql -h 127.0.0.1 -p "$postgres_port" -U postgres -c 'SELECT 1' postgres; }

start_store() {
    store_key="GK$(random_hex 12)" store_secret=$(random_hex 32)
    case $STORE in
    garage) start_server garage launch_garage store_answers ;;
    minio) start_server minio launch_minio store_answers ;;
    *) die "TRACKSCRIBE_TEST_S3 must be garage or minio, not $STORE" ;;
    esac
    export TRACKSCRIBE_TEST_S3_ENDPOINT="http://127.0.0.1:$store_port"
    export TRACKSCRIBE_TEST_S3_ACCESS_KEY_ID=$store_key TRACKSCRIBE_TEST_S3_SECRET_ACCESS_KEY=$store_secret
}

launch_garage() {
    store_port=$(free_port)
    rm -rf "$work/garage" && mkdir "$work/garage"
    cat >"$work/garage.toml" <<TOML
metadata_dir = "$work/garage/meta"
data_dir = "$work/garage/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$(free_port)"
rpc_secret = "$(random_hex 32)"
[s3_api]
s3_region = "$TRACKSCRIBE_TEST_S3_REGION"
api_bind_addr = "127.0.0.1:$store_port"
TOML
    GARAGE_DEFAULT_ACCESS_KEY=$store_key GARAGE_DEFAULT_SECRET_KEY=$store_secret GARAGE_DEFAULT_BUCKET=trackscribe \
        launch "$work/garage.log" garage -c "$work/garage.toml" server --single-node --default-bucket
}

launch_minio() {
    store_port=$(free_port)
    MINIO_ROOT_USER=$store_key MINIO_ROOT_PASSWORD=$store_secret \
        launch "$work/minio.log" minio server --address "127.0.0.1:$store_port" --console-address "127.0.0.1:$(free_port)" "$work/minio"
}

# Any HTTP response will do; a request without a signature is refused.
store_answers() { curl -s -o /dev/null "http://127.0.0.1:$store_port/"; }

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

stop_all() {
    local pid
    for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    [[ -z $work ]] || rm -rf "$work"
}

main "$@"
