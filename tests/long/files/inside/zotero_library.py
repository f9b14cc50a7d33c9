import os
import sqlite3
from contextlib import closing

from commands import main, run

FILES = ("system", "userdata", "triggers")
GIT = os.environ.get("FILES_REPOSITORY", "")


def make(path):
    with closing(sqlite3.connect(path)) as connection:
        for name in FILES:
            connection.executescript(run("git", "--git-dir", GIT, "show", f"HEAD:resource/schema/{name}.sql"))
        connection.executescript("""
            INSERT INTO libraries (libraryID, type, editable, filesEditable) VALUES (1, 'user', 1, 1);
            INSERT INTO itemTypes (itemTypeID, typeName) VALUES (2, 'book'), (3, 'attachment'), (28, 'note');
            INSERT INTO fields (fieldID, fieldName) VALUES (1, 'title');
            INSERT INTO itemTypesCombined SELECT itemTypeID, typeName, 1, 0 FROM itemTypes;
            INSERT INTO fieldsCombined (fieldID, fieldName, label, fieldFormatID, custom) VALUES (1, 'title', NULL, NULL, 0);
            INSERT INTO collections (collectionID, collectionName, libraryID, key) VALUES (1, 'Read', 1, 'AAAAAAAA');
            INSERT INTO tags (tagID, name) VALUES (1, 'one'), (2, 'Two');
        """)
        _books(connection, range(1, 101))


def write(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        last = connection.execute("SELECT max(itemID) FROM items").fetchone()[0]
        _books(connection, range(last + 1, last + 11))
        connection.execute("DELETE FROM items WHERE itemID = ?", (last - 3,))
        connection.commit()


def read(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        fine = (
            connection.execute("PRAGMA integrity_check").fetchone(),
            connection.execute("PRAGMA foreign_key_check").fetchall(),
        )
        titles = connection.execute(
            "SELECT count(*), max(value) FROM items JOIN itemData USING (itemID) JOIN itemDataValues USING (valueID)"
            " JOIN collectionItems USING (itemID) WHERE collectionID = 1"
        ).fetchone()
        refused = []
        for statement in (
            "INSERT INTO creators (firstName, lastName) VALUES ('', '')",
            "INSERT INTO itemTags (itemID, tagID, type) VALUES (999, 1, 0)",
            "UPDATE items SET libraryID = 7 WHERE itemID = 1",
        ):
            try:
                connection.execute(statement)
                refused.append("taken")
            except sqlite3.IntegrityError as error:
                refused.append(str(error))
        connection.rollback()
        return f"checks {fine}, books in the collection {titles}, by keys and triggers: {refused}"


def _books(connection, numbers):
    for number in numbers:
        connection.execute(
            "INSERT INTO items (itemID, itemTypeID, libraryID, key) VALUES (?, 2, 1, ?)", (number, f"K{number}")
        )
        value = connection.execute("INSERT INTO itemDataValues (value) VALUES (?)", (f"Title {number:04}",)).lastrowid
        connection.execute("INSERT INTO itemData (itemID, fieldID, valueID) VALUES (?, 1, ?)", (number, value))
        connection.execute("INSERT INTO collectionItems (collectionID, itemID) VALUES (1, ?)", (number,))
        connection.execute("INSERT INTO itemTags (itemID, tagID, type) VALUES (?, ?, 0)", (number, 1 + number % 2))
    connection.commit()


main(
    lambda: "the schema of Zotero, commit " + run("git", "--git-dir", GIT, "log", "-1", "--format=%h %cs").strip(),
    make,
    write,
    read,
)
