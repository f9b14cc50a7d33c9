"""Alembic: `batch_alter_table`, once with the table as Alembic reflects it, once with a table that is passed as
`copy_from` and declares as much of it as SQLAlchemy can express.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from facts import FACTS, report
from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    func,
    text,
)


def change(path: Path, name: str, **batch_options: Any) -> None:
    engine = create_engine(f"sqlite:///{path}")
    if FACTS[name].enforced:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    try:
        with engine.begin() as connection:
            operations = Operations(MigrationContext.configure(connection))
            with operations.batch_alter_table("book", **batch_options) as batch:
                batch.alter_column("pages", nullable=False)
    finally:
        engine.dispose()


def author(**options: Any) -> list[Any]:
    return [Column("author_id", Integer, ForeignKey("author.id", **options))]


SAID: dict[str, list[Any]] = {  # columns that replace those of `described`, and other parts of the table
    "index": [Index("by_title", "title")],
    "unique index": [Index("by_title", "title", unique=True)],
    "partial index": [Index("long_books", "title", sqlite_where=text("pages > 400"))],
    "index on an expression": [Index("by_lower", func.lower(Column("title", Text)))],
    "descending index": [Index("by_pages", text("pages DESC"))],
    "UNIQUE constraint": [UniqueConstraint("title")],
    "CHECK, unnamed": [CheckConstraint("shelf <> 'Z'")],
    "CHECK, named": [CheckConstraint("shelf <> 'Z'", name="no_z")],
    "NOT NULL of another column": [Column("title", Text, nullable=False)],
    "DEFAULT, a constant": [Column("shelf", Text, server_default="new")],
    "DEFAULT, an expression": [Column("shelf", Text, server_default=text("(lower('NEW'))"))],
    "COLLATE": [Column("title", Text(collation="NOCASE"))],
    "declared type": [Column("shelf", String(20))],
    "generated column": [Column("twice", Integer, Computed("2 * pages", persisted=False))],
    "stored generated column": [Column("twice", Integer, Computed("2 * pages", persisted=True))],
    "foreign key": author(),
    "ON DELETE of a foreign key": author(ondelete="CASCADE"),
    "DEFERRABLE foreign key": author(deferrable=True, initially="DEFERRED"),
    "AUTOINCREMENT, and the number it is at": [],
    "STRICT": [],
    "WITHOUT ROWID": [],
}
OPTIONS = {
    "AUTOINCREMENT, and the number it is at": {"sqlite_autoincrement": True},
    "STRICT": {"sqlite_strict": True},
    "WITHOUT ROWID": {"sqlite_with_rowid": False},
}


def described(name: str) -> Table:
    said = SAID[name]
    columns = {
        "id": Column("id", Integer, primary_key=True),
        "title": Column("title", Text),
        "pages": Column("pages", Integer),
        "author_id": Column("author_id", Integer),
        "shelf": Column("shelf", Text),
    } | {column.name: column for column in said if isinstance(column, Column)}
    metadata = MetaData()
    Table("author", metadata, Column("id", Integer, primary_key=True))
    others = [part for part in said if not isinstance(part, Column)]
    return Table("book", metadata, *columns.values(), *others, **OPTIONS.get(name, {}))


def reflected(path: Path, name: str) -> None:
    change(path, name)


def said(path: Path, name: str) -> None:
    change(path, name, copy_from=described(name))


peer = f"Alembic {version('alembic')} with SQLAlchemy {version('SQLAlchemy')}"
report(f"{peer}, table reflected", reflected)
report(f"{peer}, table passed", said, SAID)
