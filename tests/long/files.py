"""Files that other programs write, with functions, collations and modules that only those programs know: adopted,
changed while nothing is registered, swapped back and forth, and read by the program itself afterwards."""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from tests.support.project import Project

ANKI = """
import sys
from anki.collection import Collection
collection = Collection(sys.argv[1])
basic, deck = collection.models.by_name("Basic"), collection.decks.id("Deck")
for number in range(200):
    note = collection.new_note(basic)
    note["Front"], note["Back"], note.tags = f"front {number}", f"back {number}", [f"Tag{number % 5}"]
    collection.add_note(note, deck)
collection.close()
"""
ANKI_READS = """
import sys
from anki.collection import Collection
collection = Collection(sys.argv[1])
note = collection.new_note(collection.models.by_name("Basic"))
note["Front"] = "later"
collection.add_note(note, collection.decks.id("Deck"))
print(len(collection.find_notes("tag:tag3")), len(collection.find_notes("front:later")), collection.fix_integrity()[1])
collection.close()
"""
GEOPACKAGE = """
import struct, sys
import numpy, pyogrio.raw
points = [struct.pack("<BIdd", 1, 1, float(number), number / 2) for number in range(500)]
names = numpy.array([f"place {number}" for number in range(500)], dtype=object)
pyogrio.raw.write(sys.argv[1], numpy.array(points, dtype=object), [names], numpy.array(["name"], dtype=object),
                  layer="places", driver="GPKG", geometry_type="Point", crs="EPSG:4326")
"""
GEOPACKAGE_READS = """
import sys
import pyogrio.raw
box = pyogrio.raw.read(sys.argv[1], layer="places", bbox=(10, 0, 20, 100))
print(pyogrio.read_info(sys.argv[1], layer="places")["features"], len(box[2]))
"""
VECTORS = """
import struct, sys
import apsw, sqlite_vec
connection = apsw.Connection(sys.argv[1])
connection.enable_load_extension(True)
connection.load_extension(sqlite_vec.loadable_path())
connection.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT)")
connection.execute("CREATE VIRTUAL TABLE e USING vec0(embedding float[4])")
for number in range(300):
    connection.execute("INSERT INTO docs VALUES (?, ?)", (number, f"doc {number}"))
    connection.execute("INSERT INTO e (rowid, embedding) VALUES (?, ?)", (number, struct.pack("4f", number, 1, 0, 0)))
"""
VECTORS_READ = """
import struct, sys
import apsw, sqlite_vec
connection = apsw.Connection(sys.argv[1])
connection.enable_load_extension(True)
connection.load_extension(sqlite_vec.loadable_path())
near = "SELECT rowid FROM e WHERE embedding MATCH ? ORDER BY distance LIMIT 3"
print([row[0] for row in connection.execute(near, (struct.pack("4f", 150.1, 1, 0, 0),))])
"""
LIBRARY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.create_function("title_sort", 1, lambda title: title and title.removeprefix("The "), deterministic=True)
connection.create_function("uuid4", 0, lambda: "00000000-0000-4000-8000-000000000000")
connection.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
connection.executescript('''
CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE,
  sort TEXT COLLATE NOCASE, uuid TEXT);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, UNIQUE (name));
CREATE TABLE books_authors_link (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, author INTEGER NOT NULL,
  UNIQUE (book, author));
CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE unicase UNIQUE);
CREATE TABLE preferences (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, val TEXT NOT NULL);
CREATE INDEX books_idx ON books (sort COLLATE NOCASE);
CREATE VIEW meta AS SELECT id, title, (SELECT concat(name) FROM authors, books_authors_link AS l
  WHERE l.book = books.id AND l.author = authors.id) AS authors FROM books;
CREATE TRIGGER books_insert_trg AFTER INSERT ON books BEGIN
  UPDATE books SET sort = title_sort(NEW.title), uuid = uuid4() WHERE id = NEW.id; END;
CREATE TRIGGER books_update_trg AFTER UPDATE ON books BEGIN
  UPDATE books SET sort = title_sort(NEW.title) WHERE id = NEW.id AND OLD.title <> NEW.title; END;
''')
for number in range(300):
    connection.execute("INSERT INTO books (title) VALUES (?)", (f"The Book {number}",))
    connection.execute("INSERT INTO authors (name) VALUES (?)", (f"Author {number}",))
    connection.execute("INSERT INTO books_authors_link (book, author) VALUES (?, ?)", (number + 1, number + 1))
connection.executemany("INSERT INTO labels (name) VALUES (?)", [("One",), ("Two",)])
connection.commit()
"""
LIBRARY_READS = (
    LIBRARY.partition("connection.executescript")[0]
    + """
connection.execute("INSERT INTO books (title) VALUES ('The Last')")
print(connection.execute("SELECT sort FROM books WHERE title = 'The Last'").fetchone(),
      connection.execute("SELECT id FROM labels WHERE name = 'ONE'").fetchone(),
      connection.execute("PRAGMA integrity_check").fetchone())
connection.commit()
"""
)


@dataclass(frozen=True)
class File:
    """A file of another program. `makes` and `reads`: code of that program, given the path. `changed`: tables that get a
    column."""

    name: str
    packages: tuple[str, ...]
    makes: str
    reads: str
    changed: tuple[str, ...]


FILES = (
    File("anki", ("anki==26.9.3",), ANKI, ANKI_READS, ("notes", "cards")),
    File("geopackage", ("pyogrio==0.13.0", "numpy<3"), GEOPACKAGE, GEOPACKAGE_READS, ("places", "gpkg_ogr_contents")),
    File("sqlite-vec", ("sqlite-vec==0.1.9", "apsw==3.54.1.0"), VECTORS, VECTORS_READ, ("docs",)),
    File("book library", (), LIBRARY, LIBRARY_READS, ("books", "preferences")),
)


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long files", description=__doc__)
    parser.add_argument("--only", metavar="NAME", choices=[file.name for file in FILES])
    given = parser.parse_args(arguments)
    print(f"$ python -m tests.long files\n{chr(10).join(machine.described())}", flush=True)
    begun, faults = time.perf_counter(), 0
    for file in FILES:
        if given.only in (None, file.name):
            with tempfile.TemporaryDirectory(prefix="files-") as folder:
                faults += _whole(file, Path(folder))
    print(f"\n{time.perf_counter() - begun:.0f} s, {faults} faults; commit {machine.commit()}")
    return 1 if faults else 0


def _whole(file, folder):
    print(f"\n{file.name} ({', '.join(file.packages) or 'shapes of its own'})", flush=True)
    try:
        python = _environment(file, folder)
        project = Project(folder / "site")
        project.folder.mkdir()
        _run(python, file.makes, project.link)
        unchanged = folder / "unchanged.sqlite3"
        unchanged.write_bytes(project.link.read_bytes())
        _adopt(project)
        _change(project, file.changed, unchanged)
        print(f"  its own program, on the new file: {_run(python, file.reads, project.link)}")
        print(f"  its own program, on the untouched: {_run(python, file.reads, unchanged)}")
        _back_and_forth(project)
    except AssertionError as error:
        print(f"  FAULT {error}")
        return 1
    return 0


def _environment(file, folder):
    if not file.packages:
        return sys.executable
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    python = folder / "environment" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *file.packages], check=True, capture_output=True)
    return python


def _run(python, code, path):
    ended = subprocess.run([python, "-c", code, path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout.strip()


def _done(project, *args):
    ended = project.manage(*args)
    assert ended.code == 0, f"{' '.join(args)}: {ended.out}{ended.err}"[-3000:]
    return ended


def _adopt(project):
    found = _done(project, "adopt", "--json").json
    unknown = {kind: names for kind, names in found["unknown_names"].items() if names}
    left_out = [f"{one['type']} {one['name']}" for one in found["not_created"]]
    print(f"  adopted; unknown: {unknown or 'nothing'}; left out of schema.json: {', '.join(left_out) or 'nothing'}")


def _change(project, tables, unchanged):
    text = project.schema.read_text()
    tree = json.loads(text[text.index("\n{") if not text.startswith("{") else 0 :])
    for table in tables:
        tree[table]["added_later"] = "TEXT DEFAULT 'x'"
    project.write(tree)
    found = _done(project, "--noinput", "--json").json
    before, after = _content(unchanged), _content(project.link, leave="added_later")
    texts = {key: text for key, text in _texts(unchanged).items() if key[0] != "table"}
    lost = sorted(texts.items() - _texts(project.link).items())
    assert before == after, f"rows differ in {[name for name in before if before[name] != after.get(name)]}"
    ours = [name for name in _texts(project.link) if name[1].startswith("_schemasync")]
    assert not ours, ours
    lost = [key for key, _ in lost if key[1] not in {name for _, name in _texts(project.link)}]
    assert not lost, f"lost: {lost}"
    rows = sum(map(len, before.values()))
    print(
        f"  {', '.join(tables)} got a column: {found['rows']} rows written, {rows} rows compared in {len(before)} tables"
    )


def _back_and_forth(project):
    live, names = _content(project.link), _texts(project.link).keys()
    for _ in range(2):
        _done(project, "rollback", "--noinput")
    assert _content(project.link) == live, "rows differ after going back and forth"
    assert _texts(project.link).keys() == names, "objects differ after going back and forth"
    _done(project, "check")
    print("  swapped back and forth: every row and object as before")


def _content(path, leave=""):
    """The rows of every ordinary table, shadow tables of virtual ones included, with the types of their values."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        connection.create_collation("unicase", lambda a, b: (a > b) - (a < b))  # a scan needs the name, not the order
        found = {}
        tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        for (raw,) in connection.execute(tables).fetchall():
            name = raw.decode()
            if not name.startswith(("_schema", "sqlite_")):
                columns = [row[1].decode() for row in connection.execute(f'PRAGMA table_info("{name}")')]
                kept = ", ".join(f'"{column}"' for column in columns if column != leave)
                found[name] = sorted(connection.execute(f'SELECT {kept} FROM "{name}"').fetchall(), key=repr)
        return found


def _texts(path):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
        return {(kind, name): sql for kind, name, sql in rows if not name.startswith("_schema_versions")}
