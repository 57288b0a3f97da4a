# shellcheck shell=bash
# To be sourced: where programs lie that no package brings, and a PATH that finds them after the system's own.
#
#   TRACKSCRIBE_TOOLS   folder of the programs that scripts/install-deps.sh builds; theirs is TRACKSCRIBE_TOOLS/bin

export TRACKSCRIBE_TOOLS="${TRACKSCRIBE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/trackscribe/tools}"

# Appended, so that what the operator put on PATH wins.
append_to_path() {
    case ":$PATH:" in
    *":$1:"*) ;;
    *) PATH="$PATH:$1" ;;
    esac
}

append_to_path "$TRACKSCRIBE_TOOLS/bin"

# Debian keeps initdb and postgres out of PATH, one folder for each version; the newest comes first.
for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    [[ -x $folder/initdb ]] && append_to_path "$folder"
done
unset folder
export PATH
