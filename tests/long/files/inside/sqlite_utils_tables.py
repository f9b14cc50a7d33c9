import sqlite3
from importlib.metadata import version

import sqlite_utils
from commands import main


def make(path):
    database = sqlite_utils.Database(path)
    dogs = database["dogs"]
    rows = ({"id": n, "name": f"dog {n}", "age": n % 7, "weight": n / 3, "tags": ["a", {"b": n}]} for n in range(300))
    dogs.insert_all(rows, pk="id")
    dogs.enable_fts(["name"], create_triggers=True)
    dogs.create_index(["age", "name"])
    owners = [{"id": n, "dog": n, "kind": f"kind {n % 3}"} for n in range(50)]
    database["owners"].insert_all(owners, pk="id", foreign_keys=[("dog", "dogs", "id")])
    database["owners"].extract("kind")
    dogs.transform(types={"age": str}, not_null={"name"}, defaults={"age": "1"}, rename={"weight": "kg"})
    database.create_view("big", "SELECT * FROM dogs WHERE kg > 10")
    database["compound"].insert({"a": 1, "b": 2, "c": 3}, pk=("a", "b"))
    database["bare"].insert({"x": 1.5, "y": None, "z": bytes(1)})
    database.table("strict", strict=True).insert({"id": 1, "v": 2.5}, pk="id")
    database.enable_counts()
    database.close()


def write(path):
    database = sqlite_utils.Database(path)
    dogs = database["dogs"]
    number = next(iter(database.query("SELECT max(id) + 1 AS n FROM dogs")))["n"]
    dogs.insert({"id": number, "name": f"dog {number} again"})
    dogs.delete(number - 300)
    database.close()


def read(path):
    database = sqlite_utils.Database(path)
    dogs = database["dogs"]
    keys = sorted(key.column for key in database["owners"].foreign_keys)
    counts = sorted(database.cached_counts().items())
    found = [row["id"] for row in dogs.search("again")]
    whole = database.execute("PRAGMA integrity_check").fetchone()[0]
    text = f"{dogs.count} dogs, {counts}, 'again' in {found}, {keys}, {dogs.detect_fts()}, {database['big'].count} big, {whole}"
    database.close()
    return text


main(lambda: f"sqlite-utils {version('sqlite-utils')} on SQLite {sqlite3.sqlite_version}", make, write, read)
