"""Writes the tables that models own into schema.json, and keeps every other byte unchanged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..diff.apply_renames import Renames, with_renames
from ..diff.changes import Change
from ..diff.compare import compare
from ..diff.dropped import MANY, SIMILAR, name_ratio
from ..diff.questions import Ask, Question
from ..errors import Code, Problem, Refused
from ..schema import create, digest, document, write
from ..schema.affinity import affinity
from ..schema.document import Document
from ..schema.edit import edit, with_first
from ..schema.jsonc import scan
from ..schema.model import Column, Table
from ..schema.names import fold, from_key, is_special, spell, to_key
from ..schema.shape_check import tables_of
from ..schema.text import dumps, literal
from ..schema.write import Json
from .column_hints import earlier_names, entries_of, forget_fills, note_dropped, renamed_entry, with_earlier
from .data_migrations import unseen
from .export_problems import needs_fill, unclaimed, unfilled, unmarked_move, unseen_migration
from .fills import NeedsFill
from .merge import beyond, lost_and_gained, merged, only_column
from .models import Modelled
from .table_renames import Owned, TableRenames, is_alike

QUESTIONS = 3  # at most, about what one column was renamed to if it was changed as well
EMPTY = "// The schema of the database. Tables with _model are written by: manage.py schemasync export\n{\n}\n"
HINTS = ("_was", "_from", "_dropped", "_keep", "_use", "_rows", "_comment")
"""Keys of a table that are no part of its schema, in the order in which they are written."""

Fill = Callable[[str, str], str | NeedsFill | None]
"""Maps (table, column) to the SQL of the value that existing rows get in a new column."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The new content of the file, and its changes.

    `untold`: tables of models without `_model`, which stay unchanged. `claimed`: those that get it. `relabelled`:
    tables of which only the model changes. `released`: tables that their installed model no longer owns (because it is
    now unmanaged, for example): they stay, without `_model`. `moved_out`: tables of apps that keep their migrations,
    which are removed from the file.
    """

    text: str
    changes: tuple[Change, ...]
    relabelled: tuple[str, ...]
    untold: tuple[str, ...]
    notes: tuple[str, ...]
    released: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    moved_out: tuple[str, ...] = ()

    def differs(self, text: str | None) -> bool:
        """True if the file does not match the models."""
        return self.text != (text if text is not None else EMPTY)

    def ownership(self) -> list[str]:
        """One line for each table that gets another owner."""
        return [
            *(f"{table}: another model owns it" for table in self.relabelled),
            *(f"{table}: owned by its model from now on" for table in self.claimed),
            *(f"{table}: left to the migrations of its app" for table in self.moved_out),
            *(f"{table}: no longer owned by a model" for table in self.released),
        ]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of the author on the command line.

    `drop`: `table` or `table.column` of what is dropped, not renamed. `claim`: models own the tables that have no
    `_model` yet.
    """

    drop: Collection[str] = ()
    claim: bool = False


NOTHING_DECIDED = Decisions()


@dataclass(frozen=True, slots=True)
class DataMigrations:
    """Data migrations, by label of their app; `seen`: `app.name` of those that are accepted now."""

    found: Mapping[str, list[str]] = field(default_factory=dict)
    seen: Collection[str] = ()


def export(
    text: str | None,
    models: Modelled,
    fill: Fill,
    ask: Ask | None = None,
    source: str = "schema.json",
    migrations: DataMigrations = DataMigrations(),
    decisions: Decisions = NOTHING_DECIDED,
) -> Exported:
    """The text of schema.json with the tables of the models; `text` is None if there is no file yet.

    Refuses data migrations that are newer than those in the file, and names them. If a column or table is missing and a
    similar one is new, `ask` decides whether that is a rename, except for what `decisions.drop` names. Refuses a table
    without `_model` that differs from its model, unless `decisions.claim` is set. Raises Refused with both hints if
    nobody can be asked, and SchemaInvalid if the file is invalid.
    """
    before = EMPTY if text is None else text
    read = document.read(before.encode(), source)
    alone = replace(read, schema=document.schema_as_written(read))  # models own no part of a mixin
    job = _Export(before, alone, json.loads(scan(before).json), models, fill, ask, decisions)
    job.run()
    job.note_migrations(migrations)
    if job.problems:
        raise Refused(job.problems)
    after = edit(before, job.put, job.remove)
    again = document.read(after.encode(), source)
    stay = [_without_new_names(t, read, again) for t in read.schema.tables if t.name not in job.moved_out]
    changes = compare(replace(read.schema, tables=tuple(stay)), again.schema, again.hints).changes
    relabelled, untold, released, claimed = map(tuple, (job.relabelled, job.untold, job.released, job.claimed))
    notes = (*models.notes, *map(_stays, job.of_removed_apps))
    return Exported(after, changes, relabelled, untold, notes, released, claimed, tuple(job.moved_out))


def _stays(table: str) -> str:
    drop = f"manage.py schemasync export --drop {shlex.quote(table)}"
    return f"{table} stays, though its app is not installed; to drop it with its rows: {drop}"


def _without_new_names(table: Table, before: Document, after: Document) -> Table:
    """The table without columns that stood beside their old names, as a pasted hint of a rename has them, so that the
    export of it counts as a rename."""
    new = after.schema.table(table.name)
    there = {fold(column.name) for column in table.columns}
    gone = there - {fold(column.name) for column in new.columns} if new is not None else set()
    beside = {
        fold(column)
        for (name, column), earlier in before.hints.columns_were.items()
        if name == table.name and gone & set(map(fold, earlier))
    }
    return replace(table, columns=tuple(column for column in table.columns if fold(column.name) not in beside))


@dataclass(slots=True)
class _Export:
    """One export: what it puts into the file and removes from it."""

    text: str
    read: Document
    tree: Json
    models: Modelled
    fill: Fill
    ask: Ask | None
    decisions: Decisions
    put: dict[str, str] = field(default_factory=dict)
    remove: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    relabelled: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    moved_out: list[str] = field(default_factory=list)
    of_removed_apps: list[str] = field(default_factory=list)
    moves: TableRenames = field(init=False)

    def __post_init__(self) -> None:
        self.moves = TableRenames(self.read, self.tree, self.models.labels, self._decide)

    def run(self) -> None:
        bodies = {fold(from_key(key)): Owned(key, body) for key, body in tables_of(self.tree)}
        for name in bodies.keys() & self.models.kept:
            self._move_out(bodies.pop(name))
        owned = {name: one for name, one in bodies.items() if "_model" in one.body}
        tables = {fold(table.name): table for table in self.models.schema.tables}
        lost = self._left(owned)
        settled = bodies.keys() - lost.keys()
        renames = self.moves.find(lost, [table for name, table in tables.items() if name not in settled])
        for name, table in tables.items():
            if name in renames:
                self._renamed(table, lost[renames[name]])
            elif name in owned:
                self._table(table, owned[name], self.read.schema.table(table.name))
            elif name in bodies:
                self._unmarked(table, bodies[name])
            else:
                self.put[to_key(table.name)] = self._text(table, {})
        new = [table for name, table in tables.items() if name not in settled and name not in renames]
        self._refuse_unmarked_moves(new, {name: one for name, one in bodies.items() if name not in {*owned, *tables}})
        for name in sorted(settled & owned.keys() & self.models.elsewhere):
            self._release(owned[name])
        stay = {name for name, one in lost.items() if name not in renames.values() and self._is_of_removed_app(one)}
        gone = [from_key(one.key) for name, one in lost.items() if name not in {*renames.values(), *tables, *stay}]
        self.remove |= {one.key for name, one in lost.items() if name not in stay} - self.put.keys()
        self.of_removed_apps += sorted(from_key(lost[name].key) for name in stay)
        self._drop_tables(gone, set(tables))
        self._note_elsewhere()

    # --- tables ---------------------------------------------------------------------------------------------

    def _left(self, owned: Mapping[str, Owned]) -> dict[str, Owned]:
        """Tables that their model no longer has, or has under another name, or whose name another table took."""
        labels = self.models.labels
        homes = {label: name for name, label in labels.items()}
        places = {one.label: name for name, one in owned.items()}

        def has_left(name: str, one: Owned) -> bool:
            if name not in labels:
                return one.label in homes or name not in self.models.elsewhere
            return homes.get(one.label, name) != name or places.get(labels[name], name) != name

        return {name: one for name, one in owned.items() if has_left(name, one)}

    def _is_of_removed_app(self, one: Owned) -> bool:
        """True for a table whose app is not installed any more: as with migrations, it stays until it is dropped by
        name."""
        label = str(one.body["_model"]).partition(".")[0]
        installed = self.models.apps is None or label in self.models.apps
        return not installed and not self._is_dropped(from_key(one.key))

    def _renamed(self, table: Table, old: Owned) -> None:
        """Put the table under its new name, with the hints and comments from its old one."""
        name = from_key(old.key)
        before = self.read.schema.table(name)
        assert before is not None
        triggers = tuple(replace(t, body=create.on_table(t.body, table.name)) for t in before.triggers)
        body = {**old.body, "_was": with_earlier(name, old.body, table.name)}
        self._table(table, Owned(to_key(table.name), body), replace(before, triggers=triggers))

    def _unmarked(self, model: Table, owned: Owned) -> None:
        """Handle a model's table without `_model`: claim it, leave it alone, or refuse it if it differs from the
        model."""
        before = self.read.schema.table(model.name)
        assert before is not None
        if before.virtual is not None:
            self.untold.append(model.name)
        elif self.decisions.claim:
            self._claim(model, owned, before)
        elif merged(model, before, _kept(model, before, owned)) == before and not any(_unfilled(model, before)):
            self.untold.append(model.name)
        else:
            self._refuse(unclaimed(owned.key, self.models.labels[fold(model.name)]), model.name)

    def _refuse_unmarked_moves(self, new: list[Table], unmarked: Mapping[str, Owned]) -> None:
        """Refuse if a table without `_model` has lost its model, and a new table of the same app is similar."""
        for table in new:
            label = self.models.labels[fold(table.name)]
            for name, one in unmarked.items():
                before = self.read.schema.table(name)
                of_app = name.startswith(f"{fold(label.partition('.')[0])}_") and name not in self.models.elsewhere
                if of_app and before is not None and is_alike(before, table) and not self._is_dropped(name):
                    self._refuse(unmarked_move(one.key, table, before, label), before.name)

    def _claim(self, model: Table, owned: Owned, before: Table) -> None:
        """Mark the table, and name in `_keep` what it has beyond the model, so that the claim loses nothing."""
        self.claimed.append(model.name)
        entries = entries_of(owned)
        lost, gained = lost_and_gained(model, before, ())
        renames = dict(self._renamed_columns(model, before, lost, gained, entries))
        lost = [
            c for c in lost if fold(c.name) in map(fold, renames.values()) or self._is_dropped(f"{model.name}.{c.name}")
        ]
        gone = {fold(column.name) for column in lost}
        for column in _unfilled(model, before):
            if fold(column.name) not in gone:
                self._refuse(unfilled(model, column), model.name, column.name)
        keep = [name for name in _kept(model, before, owned) if fold(name) not in gone]
        marks: Json = {"_model": self.models.labels[fold(model.name)], **({"_keep": keep} if keep else {})}
        wanted = merged(model, before, keep, renames, self._field_names(model))
        if wanted == before and "_keep" not in owned.body:
            self.put[owned.key] = with_first(self.text, owned.key, json.dumps(marks, ensure_ascii=False)[1:-1])
        else:
            self._rewrite(wanted, before, Owned(owned.key, {**owned.body, **marks}), entries, lost, gained, renames)

    def _is_dropped(self, name: str) -> bool:
        return fold(name) in map(fold, self.decisions.drop)

    def _move_out(self, owned: Owned) -> None:
        """Remove a table that the migrations of its app make and change, whoever wrote it into the file."""
        self.moved_out.append(from_key(owned.key))
        self.remove.add(owned.key)

    def _release(self, owned: Owned) -> None:
        self.released.append(from_key(owned.key))
        self.put[owned.key] = write.pretty({key: v for key, v in owned.body.items() if key not in ("_model", "_keep")})

    def note_migrations(self, given: DataMigrations) -> None:
        """Record data migrations in the file once they are seen: at first all of them."""
        known: dict[str, list[str]] = self.tree.get("_migrations", {})
        new = list(unseen(given.found, known)) if "_migrations" in self.tree else []
        self.problems += [unseen_migration(name) for name in new if name not in given.seen]
        seen = {label: list(dict.fromkeys([*known.get(label, ()), *names])) for label, names in given.found.items()}
        if given.found and ("_migrations" not in self.tree or new):
            self.put["_migrations"] = write.pretty({**known, **seen})

    def _note_elsewhere(self) -> None:
        """Record tables that models refer to, but schema.json does not make."""
        referred = {k.table for table in self.models.schema.tables for k in table.foreign_keys}
        others = {name for name in referred if fold(name) in self.models.elsewhere} | {*self.moved_out}
        already = self.tree.get("_elsewhere", [])
        more = sorted(others - {name for name in others if fold(name) in map(fold, already)})
        if more:
            self.put["_elsewhere"] = literal([*already, *more])

    def _drop_tables(self, gone: list[str], there: set[str]) -> None:
        kept = there | self.models.kept
        already = [name for name in self.tree.get("_dropped", ()) if fold(name) not in kept]
        wanted = [*already, *(name for name in gone if name not in already)]
        if wanted and wanted != self.tree.get("_dropped"):
            self.put["_dropped"] = literal(wanted)
        elif not wanted:
            self.remove.add("_dropped")

    def _table(self, model: Table, owned: Owned, before: Table | None) -> None:
        """Handle a table that is in the file: keep it unchanged if it matches the model."""
        assert before is not None
        keep, label = owned.body.get("_keep", ()), self.models.labels[fold(model.name)]
        entries = entries_of(owned)
        if before.name != model.name:
            forget_fills(entries)
        lost, gained = lost_and_gained(model, before, keep)
        renames = dict(self._renamed_columns(model, before, lost, gained, entries))
        wanted = merged(model, before, keep, renames, self._field_names(model))
        if wanted == before:
            if owned.label == label:
                return
            self.relabelled.append(model.name)
        self._rewrite(wanted, before, owned, entries, lost, gained, renames)

    def _rewrite(
        self,
        wanted: Table,
        before: Table,
        owned: Owned,
        entries: dict[str, Json],
        lost: list[Column],
        gained: list[Column],
        renames: Mapping[str, str],
    ) -> None:
        """Write the table as `wanted`. `renames` maps folded new names of columns to their old ones."""
        hints = {key: owned.body[key] for key in HINTS if owned.body.get(key)}
        self._note_fills(wanted, before, [c for c in gained if fold(c.name) not in renames], entries)
        note_dropped(wanted, [c.name for c in lost if c.name not in renames.values()], entries, hints)
        self.put[to_key(wanted.name)] = self._text(wanted, hints, entries)
        if owned.key != to_key(wanted.name):
            self.remove.add(owned.key)

    # --- columns --------------------------------------------------------------------------------------------

    def _field_names(self, model: Table) -> dict[str, str]:
        """Maps the folded name of each column that has a field to the name of that."""
        table, columns = fold(model.name), [fold(column.name) for column in model.columns]
        return {one: self.models.fields[table, one].name for one in columns if (table, one) in self.models.fields}

    def _renamed_columns(
        self, model: Table, before: Table, lost: list[Column], gained: list[Column], entries: dict[str, Json]
    ) -> Iterator[tuple[str, str]]:
        """(folded new name, old name) of each renamed column; adds the new names to `entries`."""
        open_ = [c for c in lost if fold(c.name) not in earlier_names(entries)]
        old_names, new_names = set[str](), set[str]()
        candidates = self._candidates(model, before, open_, gained)
        for number, (old, column, is_certain) in enumerate(candidates):
            if old.name in old_names or column.name in new_names:
                continue
            others = (new.name for one, new, _ in candidates[number + 1 :] if one is old)
            is_last = new_names.issuperset(others)
            if is_certain or self._is_renamed(model, before, old, column, entries, is_last=is_last):
                old_names.add(old.name)
                new_names.add(column.name)
                entries[fold(column.name)] = renamed_entry(old, column, entries)
                yield fold(column.name), old.name

    def _candidates(
        self, model: Table, before: Table, lost: Sequence[Column], gained: Sequence[Column]
    ) -> list[tuple[Column, Column, bool]]:
        """Lost and gained columns that may be the same one, and whether that is certain: the certain ones first, then
        those with the same definition, and then those that may have been renamed and changed at once."""
        alike = [(old, new) for new in gained for old in lost if self._is_alike(model, before, old, new)]
        similar = [
            (old, new)
            for old in lost[:MANY]
            for new in _most_similar(old, [c for c in gained[:MANY] if (old, c) not in alike])
            if _may_be_changed(before, old, model, new)
        ]
        pairs = [(old, new, self._comes_along(model, before, old, new)) for old, new in alike]
        return [*sorted(pairs, key=lambda pair: not pair[2]), *((old, new, False) for old, new in similar)]

    def _note_fills(self, wanted: Table, before: Table, gained: list[Column], entries: dict[str, Json]) -> None:
        """Write the values of existing rows, if Django would give them one."""
        for column in gained:
            if column.default is None and column.generated is None:
                self._note_fill(wanted, column, entries, "{}")
        for column in wanted.columns:
            there = before.column(column.name)
            if there is not None and there.not_null is None and column.not_null is not None:
                self._note_fill(wanted, column, entries, f"coalesce({spell(column.name)}, {{}})")

    def _note_fill(self, table: Table, column: Column, entries: dict[str, Json], form: str) -> None:
        entry = entries.setdefault(fold(column.name), {})
        if "fill" in entry:
            return
        default = column.default
        value = write.plain(default) if default is not None else self.fill(table.name, column.name)
        if isinstance(value, NeedsFill):
            label = self.models.labels[fold(table.name)]
            self._refuse(needs_fill(label, table, column, value, form), table.name)
        elif value is not None:
            entry["fill"] = form.format(value)

    def _is_alike(self, model: Table, before: Table, old: Column, new: Column) -> bool:
        renames = Renames(self.moves.moved, {fold(before.name): {fold(old.name): new.name}})
        return _said_of(with_renames(before, renames), new.name) == _said_of(model, new.name)

    def _comes_along(self, model: Table, table: Table, old: Column, new: Column) -> bool:
        """True if a column refers to a renamed model, and its name is made from the model's new name."""
        for key in table.foreign_keys:
            was, now = self.moves.called.get(fold(key.table), ("", ""))
            if key.columns != (old.name,):
                continue
            if fold(table.name) in self.moves.followed or (was and old.name.replace(was, now) == new.name):
                return True
            if self._is_through(model) and _refers(model, new, self.moves.moved.get(fold(key.table))):
                return True
        return False

    def _is_through(self, model: Table) -> bool:
        """True for a many-to-many table that Django makes itself: nobody can rename a field of it."""
        label, labels = self.models.labels[fold(model.name)], self.models.labels.values()
        has_fields = any(table == fold(model.name) for table, _ in self.models.fields)
        return not has_fields and any(label.startswith(f"{other}_") for other in labels)

    def _is_renamed(
        self, model: Table, before: Table, old: Column, new: Column, entries: Mapping[str, Json], *, is_last: bool
    ) -> bool:
        place, label = literal(to_key(model.name)), self.models.labels[fold(model.name)]
        entry = {"type": write.column_text(model, new), **renamed_entry(old, new, entries)}
        return self._decide(
            f"{model.name}.{old.name}",
            Question(f"Was {label}.{old.name} renamed to {new.name}?", before.name, old.name, is_last),
            f'{label} no longer has the column "{old.name}"; new in it: {new.name}. Renamed, or dropped?',
            f"If renamed: in {place}, add below {literal(to_key(old.name))}, which the export then removes: "
            f"{literal(to_key(new.name))}: {literal(entry)}\n"
            f"To drop it with the data: manage.py schemasync export --drop {shlex.quote(f'{model.name}.{old.name}')}",
        )

    # --- both -----------------------------------------------------------------------------------------------

    def _decide(self, lost: str, question: Question, message: str, hint: str) -> bool:
        if self._is_dropped(lost):
            return False
        if self.ask is not None:
            return self.ask(question)
        self._refuse(Problem(Code.RENAME_OR_DROP, message, hint), question.table, question.column)
        return True  # the export refuses in the end, whatever else it finds

    def _refuse(self, problem: Problem, table: str, column: str = "") -> None:
        """Record a problem, with the place of the table or column in the file if it is there."""
        key = next((key for key, _ in tables_of(self.tree) if fold(from_key(key)) == fold(table)), None)
        path = [] if key is None else [key, *([to_key(column)] if column else [])]
        self.problems.append(self.read.located(problem, *path))

    def _text(self, table: Table, hints: Json, entries: Mapping[str, Json] | None = None) -> str:
        body: Json = {"_model": self.models.labels[fold(table.name)]}
        body |= {key: hints[key] for key in HINTS if key in hints}
        for key, value in write.table_json(table).items():
            entry = None if is_special(key) else (entries or {}).get(fold(from_key(key)))
            beside = {name: entry[name] for name in ("was", "fill", "comment") if name in entry} if entry else {}
            body[key] = {"type": value, **beside} if beside else value
        return write.pretty(body)


def _unfilled(model: Table, before: Table) -> Iterator[Column]:
    """Columns that no field names, and for which every new row needs a value."""
    key = {c.column for c in before.primary_key.columns} if before.primary_key else set()
    for column in before.columns:
        is_required = column.not_null is not None and column.default is None and column.generated is None
        if is_required and model.column(column.name) is None and column.name not in key:
            yield column


def _most_similar(old: Column, new: Sequence[Column]) -> list[Column]:
    return sorted(new, key=lambda column: name_ratio(old.name, column.name), reverse=True)[:QUESTIONS]


def _may_be_changed(before: Table, old: Column, model: Table, new: Column) -> bool:
    """True if a column may have been renamed and changed at once: the values are of one kind, or the names similar."""
    if old.generated is not None or new.generated is not None:
        return False
    is_same_kind = affinity(old, before.strict) is affinity(new, model.strict)
    return is_same_kind or name_ratio(old.name, new.name) >= SIMILAR


def _kept(model: Table, before: Table, owned: Owned) -> list[str]:
    """The entries of `_keep` once a model owns the table: the existing ones, and everything beyond the model."""
    return list(dict.fromkeys([*owned.body.get("_keep", ()), *beyond(model, before)]))


def _refers(table: Table, column: Column, parent: str | None) -> bool:
    """True if the column is a foreign key to that table."""
    return parent is not None and any(
        key.columns == (column.name,) and fold(key.table) == fold(parent) for key in table.foreign_keys
    )


def _said_of(table: Table, name: str) -> str:
    """Everything that a table says about one column alone."""
    column, key = table.column(name), table.primary_key
    assert column is not None
    said = [digest.column_json(column)]
    said += [digest.unique_json(one) for one in table.uniques if only_column(one) == column.name]
    said += [digest.check_json(one) for one in table.checks if write.about(table, one) == column.name]
    said += [digest.foreign_key_json(one) for one in table.foreign_keys if only_column(one) == column.name]
    if key is not None and [one.column for one in key.columns] == [column.name]:
        said.append(digest.key_json(key))
    return dumps(said)
