"""Configures Litestream for a database whose live file changes its name at each swap, and restores its replica."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from .. import databases
from ..engines.sqlite.examine import Examined
from ..errors import Code, Failed, ProblemJson, Refused, UsageError
from ..files.disk import Disk
from ..files.layout import Layout
from ..keep.litestream import restoring
from ..keep.litestream.control import LitestreamError
from ..keep.litestream.follow import Litestream, watched
from ..keep.litestream.settings import litestream
from .database import Database, write_text
from .restore_source import time_of


class LitestreamJson(TypedDict):
    """The output of `manage.py schemasync litestream --json`."""

    result: Literal["printed", "written", "registered", "restored"]
    live: str | None
    """The real path of the live file, which Litestream needs; null after a restore."""
    replica: str
    """The URL to which it is replicated."""
    output: str | None
    """The file that was written; null if the configuration was printed."""
    text: str | None
    """The configuration; null for `register` and `restore`."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Configured:
    """The configuration for the live file. `output`: the file that it was written to, None if none is named."""

    live: str
    replica: str
    text: str
    output: Path | None


@dataclass(frozen=True, slots=True)
class Registered:
    """The result of `register`: the daemon replicates the live file."""

    live: str
    replica: str


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of `restore`: the file that was written from the replica."""

    replica: str
    output: Path
    found: Examined


Done = Configured | Registered | Restored


def config(database: Database, output: Path | None) -> Configured:
    """Return the configuration with the real path of the live file; write it to `output`, if given."""
    daemon, live = _daemon(database), _live(database)
    text = daemon.text(live)
    if output is not None:
        write_text(output, text)
    return Configured(live, daemon.replica, text, output)


def register(database: Database) -> Registered:
    """Let the daemon replicate the live file and no archive. Raises Failed."""
    daemon, live, layout = _daemon(database), _live(database), Layout(database.link)
    for line in daemon.follow(layout, Disk()):
        database.dialogue.say(line)
    try:
        registered = daemon.registered(layout)
    except LitestreamError as error:
        hint = "Start it, with its control socket: see docs/howto/litestream.md of schemasync."
        raise Failed.of(Code.LITESTREAM_SILENT, f"Litestream does not answer: {error}", hint) from error
    if registered != {live}:
        message = f"Litestream replicates {', '.join(sorted(registered)) or 'nothing'}, and {live} is live"
        raise Failed.of(Code.LITESTREAM_OTHER_FILE, message, "Its log says why.", live=live)
    return Registered(live, daemon.replica)


def restore(database: Database, into: Path, at: str = "") -> Restored:
    """Write the database as it was at a moment to the new plain file `into`."""
    daemon, opener = _daemon(database), databases.opener(database.alias)
    moment = time_of(at) if at else None
    found = restoring.restore(opener, daemon.replica, moment, into, database.dialogue.progress, Disk())
    return Restored(daemon.replica, into, found)


def _daemon(database: Database) -> Litestream:
    found = litestream(database.alias)
    if found is None:
        hint = 'SCHEMASYNC = {"LITESTREAM": {"REPLICA": "s3://bucket/db", "SOCKET": "/run/litestream.sock"}}'
        message = f'SCHEMASYNC["LITESTREAM"] has no REPLICA for the database "{database.alias}"'
        raise UsageError.of(Code.UNKNOWN_SETTING, message, hint)
    return found


def _live(database: Database) -> str:
    live = watched(Layout(database.link))
    if live is None:
        message = f"there is no database at {database.link}"
        raise Refused.of(Code.NO_DATABASE, message, "To create it: manage.py schemasync")
    return live


def as_json(done: Done) -> LitestreamJson:
    """The JSON object."""
    match done:
        case Configured():
            output = None if done.output is None else str(done.output)
            result: Literal["printed", "written"] = "printed" if done.output is None else "written"
            return _json(result, done.replica, done.live, output, done.text)
        case Registered():
            return _json("registered", done.replica, done.live)
        case Restored():
            return _json("restored", done.replica, output=str(done.output))


def _json(
    result: Literal["printed", "written", "registered", "restored"],
    replica: str,
    live: str | None = None,
    output: str | None = None,
    text: str | None = None,
) -> LitestreamJson:
    return {"result": result, "live": live, "replica": replica, "output": output, "text": text, "errors": []}
