"""The proposed indexes, as text: the lines for schema.json can be pasted."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...actions.advise_indexes import Advised, entry
from ...engines.sqlite.index_advice.search import Helped
from ...engines.sqlite.index_advice.unused import Unused
from ...schema.names import to_key
from ...schema.text import count
from ...sync.index_advice import Proposal
from ...texts import size
from .shared import Lines

FEW = 3  # statements that are shown for an index, those with the most time first; --json has all


def lines(done: Advised) -> Lines:
    """Return the proposals, each with its evidence and its cost, and the indexes that no statement uses."""
    found = done.found
    lines = [_first(done)]
    for one in found.proposals:
        lines += [_place(one, done), *_proposal(one)]
    for left in found.unselective:
        names = ", ".join(column.column or "" for column in left.columns)
        lines.append(f"not proposed: {left.table.name} ({names}): too many rows have the same value")
    return [*lines, *_unused(found.unused)]


def _unused(found: Sequence[Unused]) -> Lines:
    if not found:
        return []
    first = "No statement uses these indexes. There may be others, which are rare or come from elsewhere:"
    sizes = ["" if one.bytes is None else f": {size(one.bytes)}" for one in found]
    return [first, *(f"  {one.index} on {one.table}{text}" for one, text in zip(found, sizes, strict=True))]


def _first(done: Advised) -> str:
    known, source = done.found.sample, "the backend's sample" if done.source is None else str(done.source)
    planned = sum(one.spent.count for one in known.asked)
    left = [
        f"{number:,} {what}"
        for number, what in (
            (known.other, "are no SELECT, UPDATE or DELETE"),
            (known.failed, "do not compile"),
            (known.more, "were too many"),
        )
        if number
    ]
    proposed = count(len(done.found.proposals), "index", "indexes") if done.found.proposals else "no index"
    return f"{proposed} proposed for {count(planned, 'statement')} of {source}{''.join(f'; {one}' for one in left)}"


def _place(one: Proposal, done: Advised) -> str:
    table, spelled = one.candidate.table.name, json.dumps(entry(one), ensure_ascii=False)
    if (model := done.model(table)) is not None:
        return f"To {model}, add to Meta.indexes an index over the columns of {spelled}, then export"
    if (sql := done.sql(one)) is not None:
        return f'For "{table}", which schema.json does not name: {sql}'
    return f'To "{to_key(table)}" in schema.json, add to "_indexes": {spelled}'


def _proposal(one: Proposal) -> Lines:
    lines = [f"  {size(one.price.bytes)}; {_writes(one)}"]
    lines += [f"  It makes {name} unnecessary." for name in one.replaces]
    for helped in one.helped[:FEW]:
        lines += _statement(helped)
    more = len(one.helped) - FEW
    return [*lines, *([f"  and {count(more, 'more statement')}"] if more > 0 else [])]


def _writes(one: Proposal) -> str:
    before, after = one.price.before, one.price.after
    if not before or not after:
        return "what it costs a write was not measured"
    return (
        f"a write takes {before / after:.2f} of the time: {before:,.0f} -> {after:,.0f} rows a second, without commits"
    )


def _statement(one: Helped) -> Lines:
    took = f", {one.asked.spent.seconds:,.1f} s" if one.asked.spent.seconds else ""
    return [
        f"  {count(one.asked.spent.count, 'time')}{took}: {' '.join(one.asked.sql.split())}",
        f"    before: {'; '.join(one.asked.plan)}",
        f"    after:  {'; '.join(one.after)}",
    ]
