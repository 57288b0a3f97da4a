#!/usr/bin/env bash
# Writes the data with which the checked queries of crates/storage compile without a database (crates/storage/.sqlx).
#
#   DATABASE_URL=postgres://… scripts/sqlx-prepare.sh          write it
#   DATABASE_URL=postgres://… scripts/sqlx-prepare.sh --check  change nothing; fail if the committed data differs
#
# DATABASE_URL may name any database, but its user must be allowed to create others. The queries are checked against a
# new, migrated, empty one: which columns PostgreSQL reports as nullable can depend on the data.
set -euo pipefail
cd "$(dirname "$0")/.."

mode="write"
case "${1:-}" in
"") ;;
--check) mode=check ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac

: "${DATABASE_URL:?set DATABASE_URL, for example postgres://postgres@127.0.0.1:5432/postgres}"
command -v psql >/dev/null || { echo "psql is missing; install postgresql-client" >&2 && exit 1; }

admin_url=$DATABASE_URL
name="sqlx_prepare_$$_$RANDOM"
query=
[[ $admin_url == *\?* ]] && query="?${admin_url#*\?}"
base=${admin_url%%\?*}
url="${base%/*}/$name$query"
fresh=$(mktemp -d)

cleanup() {
    rm -rf "$fresh"
    psql -q "$admin_url" -c "DROP DATABASE IF EXISTS $name" || true
}
trap cleanup EXIT

psql -q "$admin_url" -v ON_ERROR_STOP=1 -c "CREATE DATABASE $name"
for migration in crates/storage/migrations/*.sql; do
    psql -q "$url" -v ON_ERROR_STOP=1 --single-transaction -f "$migration"
done

# sqlx checks queries while they compile, so the crate must be compiled again, with its tests. Its dependencies need not.
cargo clean --quiet --package storage
DATABASE_URL=$url SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh cargo check --quiet --package storage --all-targets

if [[ $mode == check ]]; then
    diff -r "$fresh" crates/storage/.sqlx || {
        echo "crates/storage/.sqlx differs from the queries: run scripts/sqlx-prepare.sh and commit the result" >&2
        exit 1
    }
    exit 0
fi
mkdir -p crates/storage/.sqlx
find crates/storage/.sqlx -name 'query-*.json' -delete
cp "$fresh"/query-*.json crates/storage/.sqlx/
echo "$(find crates/storage/.sqlx -name 'query-*.json' | wc -l) queries written to crates/storage/.sqlx"
