"""The objects that Django's `migrate` would destroy, as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ...orm.database_faults import DatabaseFault
from ...orm.migrate_risks import MigrateRisk
from ...schema.text import count
from .shared import Lines
from .terminal import Page


def lines(found: Sequence[MigrateRisk], page: Page) -> Lines:
    """Return the objects that would be lost, table by table, then those that would abort the migration."""
    lost, aborting = [one for one in found if not one.aborts], [one for one in found if one.aborts]
    return [
        *_under("Django's migrate silently loses, when it remakes a table:", lost, "any table", page),
        *_under("and aborts, because SQLite renames no table under a view or trigger:", aborting, "any table", page),
    ]


def _under(head: str, found: Sequence[MigrateRisk | DatabaseFault], whole: str, page: Page) -> Lines:
    """Return the findings under a heading, table by table. `whole`: the heading for findings without a table."""
    if not found:
        return []
    lines = [page.style.MIGRATE_HEADING(head)]
    for table, things in groupby(sorted(found, key=lambda one: one.table or ""), key=lambda one: one.table):
        lines.append(f"  {page.style.MIGRATE_LABEL(table if table is not None else whole)}")
        lines += [f"    [{one.kind}] {one.text}" for one in things]
    return lines


def in_short(found: Sequence[MigrateRisk], page: Page) -> Lines:
    """Return one warning line for a project with a schema.json, which keeps all these objects; all lines with
    details."""
    if page.detail:
        return lines(found, page)
    what = "is in tables of models" if len(found) == 1 else "are in tables of models"
    return [f"{_things(found)} {what} that Django's migrate would destroy: -v 2 lists them"] if found else []


def at_stake(found: Sequence[MigrateRisk], link: Path) -> Lines:
    """Return the reason why the check of a project without schema.json exits with 1; empty without risks."""
    return [f"{_things(found)} in {link.name} would be lost in a migrate, or abort it"] if found else []


def fault_lines(found: Sequence[DatabaseFault], page: Page) -> Lines:
    """Return the faults in the database now, table by table."""
    return _under("wrong in the database now, whatever you decide:", found, "the file", page)


def wrong_now(found: Sequence[DatabaseFault], link: Path) -> Lines:
    """Return the reason why the check exits with 1 although nothing would be lost; empty without faults."""
    return (
        [f"{count(len(found), 'thing')} in {link.name} {'is' if len(found) == 1 else 'are'} wrong now"] if found else []
    )


def _things(found: Sequence[MigrateRisk]) -> str:
    return count(len({(one.kind, one.name, one.table if one.name == "" else "") for one in found}), "thing")
