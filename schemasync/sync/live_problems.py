"""Finds problems at the path of a database that opening and reading the file does not report, for `status` and
`health`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ..errors import Code, Problem, SchemasyncError
from .previously_live import not_adopted
from .run import live_database
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target


def put_over_the_link(target: Target, now: LiveDatabase) -> list[Problem]:
    """The problem of a plain file at the path of a database with generations, as after a restore by mv: whatever its
    history says, no generation is live. After an `eject` all generations are closed."""
    if now.generation is not None:
        return []  # checked first, because the rest opens every archive
    problem = not_adopted(target, now.newest)
    return [problem] if now.newest is not None or problem.facts["found"] else []


def copied_into(target: Target) -> list[Problem]:
    """The problem of a file without a history in the live generation, where a command adopts it by itself."""
    with suppress(SchemasyncError), translated_errors(target.layout.link):
        live = target.layout.live()
        if target.adopting_command and live is not None and live_database.is_overwritten(target.layout, target.opener):
            message = f"{live.name} is live, and has no history: a file was copied into it through {target.layout.link}"
            return [Problem(Code.NO_HISTORY, message, f"To go on with it: {target.how_to_adopt}")]
    return []


def restored_in_place(target: Target, now: LiveDatabase) -> list[Problem]:
    """The problem of a backup in the live file that no command that writes has recorded yet."""
    if now.is_recorded or now.newest is None:
        return []
    return [
        Problem(
            Code.RESTORED_IN_PLACE,
            f"{now.newest.generation} is live and holds a backup of {now.newest.previous}, which was restored into "
            f"{target.layout.link}; its history does not say so yet",
            "The next sync, rollback or prune records it: manage.py schemasync",
            {"generation": now.newest.generation, "backup_of": now.newest.previous},
        )
    ]


def is_being_finished(problems: Iterable[Problem]) -> bool:
    """True if nothing is wrong but a swap between its fence and the move of the link: that of a run at work, for
    milliseconds, or of one that died."""
    return all(problem.code == Code.SWAP_UNFINISHED for problem in problems)
