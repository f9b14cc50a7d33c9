"""Parts that the texts and JSON objects of several actions share."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ...actions.shared import Objects
from ...diff.changes import Change, CreateTable, describe
from ...diff.hazards import Hazard, with_counted_hints
from ...engines.sqlite.name_errors import Unknown
from ...engines.sqlite.uncompiled import LeftOut
from ...errors import Problem
from ...schema.text import count
from ...texts import FEW
from .terminal import Page

Lines = list[str]


def problem(one: Problem) -> str:
    """Return the problem, its line in schema.json, and the next steps, indented."""
    excerpt = str(one.facts.get("excerpt", ""))
    return "\n  ".join([f"[{one.code}] {one.message}", *excerpt.splitlines(), *one.hint.splitlines()])


def hazards(found: Sequence[Hazard], page: Page) -> Lines:
    """Return one line for each hazard, and one for its fix; without details one line for all applied hints."""
    lines = []
    for hazard in found if page.detail else with_counted_hints(found):
        word = page.style.ERROR("STOPS") if hazard.blocking else "note"
        lines.append(f"  {word} [{hazard.code}] {hazard}")
        lines += [f"    {line}" for line in hazard.hint.splitlines()]
    return lines


def changes(found: Sequence[Change], page: Page) -> Lines:
    """Return one line for each change; more than FEW new tables in one paragraph."""
    new = [change.table.name for change in found if isinstance(change, CreateTable)]
    lines = []
    if len(new) > FEW:
        lines = paragraph(f"  {count(len(new), 'new table')}: ", new, page)
        found = [change for change in found if not isinstance(change, CreateTable)]
    return lines + [f"  {describe(change)}" for change in found]


def paragraph(head: str, names: Sequence[str], page: Page) -> Lines:
    """Return names in lines of the page's width. No name is broken, so that each can be searched for."""
    if not names:
        return []
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    text = ", ".join(names)
    return textwrap.wrap(
        text, page.width, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def foreign(objects: Objects, page: Page) -> Lines:
    named = [f"{kind} {name}" for kind, name in objects]
    return paragraph("kept unchanged, because schema.json does not name it: ", named, page)


def unknown_names(unknown: Unknown, page: Page) -> Lines:
    """Return the functions, collations and modules that the database uses and that are not registered in this
    process."""
    if not unknown:
        return []
    return [
        *paragraph("used by the database, but unknown to this process: ", str(unknown).split(", "), page),
        "  objects that use these are carried along, and not rewritten until they are registered (docs/coming-over.md)",
    ]


def not_created(left_out: Sequence[LeftOut], page: Page) -> Lines:
    """Return the objects that are left out of a schema that was read from a database."""
    named = [f"{one.type} {one.name} ({one.error})" for one in left_out]
    return paragraph("left out of schema.json, because SQLite does not compile it here: ", named, page)


def refused_later(faults: Sequence[str]) -> Lines:
    """Return the problems to fix by hand in a schema that was read from a database."""
    return [f"to be fixed before a sync: {fault}" for fault in faults]
