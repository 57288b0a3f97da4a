# shellcheck shell=bash
# Source this file to append the folders of PostgreSQL and of the programs without a package to PATH.
#
#   TRACKSCRIBE_TOOLS   folder for what scripts/install-deps.sh installs; programs are in TRACKSCRIBE_TOOLS/bin

export TRACKSCRIBE_TOOLS="${TRACKSCRIBE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/trackscribe/tools}"

# Appends, so that programs that the operator put on PATH take precedence.
append_to_path() {
    case ":$PATH:" in
    *":$1:"*) ;;
    *) PATH="$PATH:$1" ;;
    esac
}

append_to_path "$TRACKSCRIBE_TOOLS/bin"

# Debian installs initdb and postgres outside PATH, in one folder for each version. The newest comes first.
for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    [[ -x $folder/initdb ]] && append_to_path "$folder"
done
unset folder
export PATH
