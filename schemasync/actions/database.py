"""The database that an action works on, with its schema.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS

from .. import conf, databases
from ..errors import Code, SchemaInvalid, SchemasyncError
from ..files.disk import Disk, DiskStep
from ..files.layout import Layout, PathKind
from ..files.mounts import network_file_system
from ..files.read_file import read_file
from ..keep.litestream.settings import litestream
from ..orm.before_schema import BeforeSchema, before_schema
from ..orm.health import health_check
from ..orm.requirements import requirements
from ..orm.with_transforms import with_transforms
from ..schema import document
from ..schema.document import Document
from ..sync import recovery
from ..sync.run.error_translation import of_disk
from ..sync.run.target import Target
from ..texts import shown
from .addressed import addressed_result
from .dialogue import Dialogue
from .option_values import FOREVER, WAIT

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Database:
    """`schema`: the path of schema.json, None for the one of the settings. `wait`: seconds to wait for another run and
    for writers."""

    alias: str = DEFAULT_DB_ALIAS
    schema: Path | None = None
    wait: float = WAIT
    dialogue: Dialogue = field(default_factory=Dialogue)

    @property
    def schema_path(self) -> Path:
        return self.schema or conf.schema_path(self.alias)

    @property
    def link(self) -> Path:
        """The path that applications open."""
        return databases.path_of(self.alias)

    def addressed(self, result: Result) -> Result:
        """Return a copy of a `--json` object with this database and schema in the commands of its hints, notes and
        reason."""
        return addressed_result(result, {"database": self.alias, "schema": self.schema})

    def document(self, path: Path | None = None) -> Document:
        """Read schema.json, or the file at `path`, with the transforms of the project. Raises SchemaInvalid and
        UsageError."""
        path = path or self.schema_path
        if path.is_dir():
            hint = f"Name the file itself, for example {path / 'schema.json'}"
            raise SchemaInvalid.of(Code.SCHEMA_UNREADABLE, f"{path.absolute()} is a folder", hint, file=str(path))
        try:
            data = read_file(path)
        except OSError as error:
            is_no_file = path.exists() and not path.is_file()
            hint = "Write it into a file, and name that." if is_no_file else self.where_from(path)
            message = f"{path}: {error.strerror}"
            raise SchemaInvalid.of(Code.SCHEMA_UNREADABLE, message, hint, file=str(path)) from error
        return with_transforms(self.alias, document.read(data, shown(path)))

    def where_from(self, path: Path) -> str:
        """Return a hint how to get a schema.json: from the database, if it holds anything, otherwise from the
        models."""
        try:
            link = self.link
            before = before_schema(self.alias)
        except SchemasyncError:
            link, before = Path("FILE"), None
        match Layout(link).path_kind():
            case PathKind.GENERATION:
                live = Layout(link).live()
                source = live.name if live is not None else link
                return (
                    "Take it from your version control. To write it from the database instead, without hints and "
                    f"comments: manage.py schemasync inspect {source} -o {path}"
                )
            case PathKind.PLAIN if before is not BeforeSchema.NEW:
                return "To adopt the database, which writes schema.json: manage.py schemasync adopt"
            case _ if conf.is_enabled():
                return "To write it from the models, and create the database: manage.py schemasync --export"
            case _:
                return 'Write one, for example: {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}}'

    def target(self) -> Target:
        """Return the target of an action that swaps no file."""
        return Target(
            Layout(self.link),
            databases.opener(self.alias),
            progress=self.dialogue.progress,
            wait=min(self.wait, FOREVER),
            keep=conf.keep(),
            actor=databases.actor(),
            adopting_command=conf.adopting_command(),
            requirements=requirements(self.alias),
            health=health_check(self.alias),
            replication=litestream(self.alias),
        )

    def released(self) -> Target:
        """Close Django's own connection, and return the target of an action that swaps or alters the live file. Raises
        Busy."""
        databases.let_go(self.alias)
        return self.target()

    def warn_of_network(self) -> None:
        """Warn if the locks of the file system cannot be trusted."""
        link = self.link
        if kind := network_file_system(link):
            self.dialogue.warn(
                f"{link} is on a network file system ({kind}): neither schemasync's lock nor SQLite's own locks "
                "are reliable there. Move it to a local disk (docs/is-it-for-me.md)."
            )

    def finish_swap(self) -> bool:
        """Finish an interrupted swap, before schema.json is read: until then nobody can write, and an interrupted
        adoption has not written schema.json. Return True if there was one."""
        target = self.released()
        self.warn_of_network()
        return bool(recovery.finish_swap(target))


def write_text(path: Path, text: str) -> None:
    """Write an output file of an action. Raises Failed."""
    try:
        Disk().write_text(DiskStep.OUTPUT_WRITE, path, text)
    except OSError as error:
        raise of_disk(error, path) from error
