#!/usr/bin/env bash
# Sets Trackscribe up on this machine: Debian 12, Ubuntu 24.04, or any Linux with the programs installed already.
#
#   ./setup.sh --demo   [--data-dir DIR] [--yes]
#   ./setup.sh --native [--data-dir DIR] [--yes] [OPTION...]
#
#   --demo          starts everything on free ports, lets two voices meet in a room, prints the transcript with
#                   speakers and times, says where the audio files lie, and stops everything. Exit code 0 only if at
#                   least 90 % of each speaker's words are there under the right name
#   --native        starts the same on the usual ports and keeps running until Ctrl-C; prints the addresses, where the
#                   admin key lies, and how to get a token
#
#   --data-dir DIR  where data, secrets, configuration and logs are kept (default ./data); a second run reuses them
#   --yes           do not ask before packages are installed (root is never asked)
#   --help          this text
#   OPTION...       of `trackscribe up`, for example --api-port PORT or --ports free, where a port is taken
#
# What is missing is installed first, and named with its reason before: PostgreSQL, Redis, PocketSphinx and build tools
# by apt-get; livekit-server as its official release, checked against its checksums, else by `go install`. What is
# there is used as it is: with all of it there neither apt-get nor root is needed. Rust is yours to install.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mode='' data_dir=$PWD/data install=() options=()

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2 && exit 2; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"; }

main() {
    read_arguments "$@"
    cd "$here"
    "$here/scripts/install-deps.sh" demo "${install[@]}"
    # shellcheck source=scripts/tools.sh
    . "$here/scripts/tools.sh"
    say "building (some minutes the first time)"
    cargo build --profile demo --locked --package trackscribe
    local program=${CARGO_TARGET_DIR:-$here/target}/demo/trackscribe
    # In its place: Ctrl-C and exit code are the program's.
    case $mode in
    demo) exec "$program" demo --data-dir "$data_dir" ;;
    native) exec "$program" up --data-dir "$data_dir" "${options[@]}" ;;
    esac
}

read_arguments() {
    while [[ $# -gt 0 ]]; do
        case $1 in
        --demo | --native)
            [[ -z $mode || $mode == "${1#--}" ]] || die "--demo and --native exclude each other"
            mode=${1#--}
            ;;
        --data-dir)
            [[ -n ${2:-} ]] || die "--data-dir needs a folder"
            set_data_dir "$2"
            shift
            ;;
        --data-dir=*) set_data_dir "${1#*=}" ;;
        --yes | -y) install=(--yes) ;;
        --help | -h) usage && exit 0 ;;
        *) options+=("$1") ;;
        esac
        shift
    done
    if [[ -z $mode ]]; then
        [[ ${#options[@]} == 0 ]] || echo "setup: ${options[0]} is no mode" >&2
        usage >&2
        exit 2
    fi
    [[ $mode == native || ${#options[@]} == 0 ]] || die "--demo knows no ${options[0]}; see --help"
}

set_data_dir() { # relative to where the caller stands, not to this file
    case $1 in
    '') die "--data-dir needs a folder" ;;
    /*) data_dir=$1 ;;
    *) data_dir=$PWD/$1 ;;
    esac
}

main "$@"
