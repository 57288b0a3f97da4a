#!/usr/bin/env bash
# Installs and starts Trackscribe on this machine: Debian 12, Ubuntu 24.04, or any Linux that has the programs installed.
#
#   ./setup.sh --demo   [--data-dir DIR] [--yes]
#   ./setup.sh --native [--data-dir DIR] [--yes] [OPTION...]
#
#   --demo          starts everything on free ports, holds a meeting of two bundled voices, prints the transcript with
#                   speakers and times and the paths of the audio files, and stops everything. Exits with code 0 only
#                   if at least 90 % of each speaker's words are in the transcript under the right name
#   --native        starts everything on the default ports and runs until Ctrl-C. Prints the addresses, the path of the
#                   admin key, and a command that prints a join token
#
#   --data-dir DIR  folder for data, secrets, configuration and logs (default ./data); a second run reuses it
#   --yes           install packages without asking (root is never asked)
#   --help          print this text
#   OPTION...       options of `trackscribe up`, such as --api-port PORT or --ports free if a port is in use
#
# Missing programs are listed with the reason and then installed: PostgreSQL, Redis, PocketSphinx and build tools with
# apt-get; livekit-server from its official release, verified with the published checksums, or else with `go install`.
# Programs already installed are left untouched; if none is missing, neither apt-get nor root is needed. Install Rust
# yourself first.
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
    say "building (takes some minutes the first time)"
    cargo build --profile demo --locked --package trackscribe
    local program=${CARGO_TARGET_DIR:-$here/target}/demo/trackscribe
    # exec, so that Ctrl-C reaches the program and its exit code is ours.
    case $mode in
    demo) exec "$program" demo --data-dir "$data_dir" ;;
    native) exec "$program" up --data-dir "$data_dir" "${options[@]}" ;;
    esac
}

read_arguments() {
    while [[ $# -gt 0 ]]; do
        case $1 in
        --demo | --native)
            [[ -z $mode || $mode == "${1#--}" ]] || die "use either --demo or --native, not both"
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
        [[ ${#options[@]} == 0 ]] || echo "setup: use --demo or --native before ${options[0]}" >&2
        usage >&2
        exit 2
    fi
    [[ $mode == native || ${#options[@]} == 0 ]] || die "unknown option ${options[0]} for --demo; see --help"
}

set_data_dir() { # relative to the caller's folder, not to this file
    case $1 in
    '') die "--data-dir needs a folder" ;;
    /*) data_dir=$1 ;;
    *) data_dir=$PWD/$1 ;;
    esac
}

main "$@"
