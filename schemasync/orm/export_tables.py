"""Compares the tables of schema.json with those of the models, and decides which to write and which to remove."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..schema import create, write
from ..schema.document import Document
from ..schema.edit import with_first
from ..schema.model import Column, Table
from ..schema.names import fold, from_key, is_special, to_key
from ..schema.shape_check import tables_of
from ..schema.text import literal
from ..schema.write import Json
from .column_hints import ABOUT_POSTGRES, entries_of, forget_fills, note_dropped, with_earlier
from .data_migrations import unseen
from .export_columns import ColumnChanges, Fill
from .export_decisions import Answers
from .export_problems import unclaimed, unfilled, unmarked_move, unseen_migration
from .merge import beyond, lost_and_gained, merged
from .models import Modelled
from .table_renames import Owned, TableRenames, is_alike

HINTS = ("_was", "_from", "_dropped", "_keep", "_use", "_rows", "_comment", "_postgres")
"""Keys of a table that are no part of its schema, in the order in which they are written."""


@dataclass(frozen=True, slots=True)
class DataMigrations:
    """Data migrations, by label of their app. `seen`: `app.name` of the migrations that are accepted now."""

    found: Mapping[str, list[str]] = field(default_factory=dict)
    seen: Collection[str] = ()


NO_MIGRATIONS = DataMigrations()


@dataclass(slots=True)
class TablesExport:
    """One export: `put` maps keys of the file to their new text, and `remove` has the keys to remove."""

    text: str
    read: Document
    tree: Json
    models: Modelled
    fill: Fill
    answers: Answers
    put: dict[str, str] = field(default_factory=dict)
    remove: set[str] = field(default_factory=set)
    relabelled: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    moved_out: list[str] = field(default_factory=list)
    of_removed_apps: list[str] = field(default_factory=list)
    moves: TableRenames = field(init=False)
    columns: ColumnChanges = field(init=False)

    def __post_init__(self) -> None:
        self.moves = TableRenames(self.read, self.tree, self.models.labels, self.answers.decide)
        self.columns = ColumnChanges(self.models, self.fill, self.answers, self.moves)

    def run(self) -> None:
        """Compare every table of the file with the models."""
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

    def _left(self, owned: Mapping[str, Owned]) -> dict[str, Owned]:
        """Return the tables that their model no longer has, or has under another name, or whose name another table
        took."""
        labels = self.models.labels
        homes = {label: name for name, label in labels.items()}
        places = {one.label: name for name, one in owned.items()}

        def has_left(name: str, one: Owned) -> bool:
            if name not in labels:
                return one.label in homes or name not in self.models.elsewhere
            return homes.get(one.label, name) != name or places.get(labels[name], name) != name

        return {name: one for name, one in owned.items() if has_left(name, one)}

    def _is_of_removed_app(self, one: Owned) -> bool:
        """True for a table whose app is no longer installed and that `--drop` does not name: as with migrations, it
        stays."""
        label = str(one.body["_model"]).partition(".")[0]
        installed = self.models.apps is None or label in self.models.apps
        return not installed and not self.answers.is_dropped(from_key(one.key))

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
        elif self.answers.decisions.claim:
            self._claim(model, owned, before)
        elif merged(model, before, _kept(model, before, owned)) == before and not any(_unfilled(model, before)):
            self.untold.append(model.name)
        else:
            self.answers.refuse(unclaimed(owned.key, self.models.labels[fold(model.name)]), model.name)

    def _refuse_unmarked_moves(self, new: list[Table], unmarked: Mapping[str, Owned]) -> None:
        """Refuse if a table without `_model` has lost its model, and a new table of the same app is similar."""
        for table in new:
            label = self.models.labels[fold(table.name)]
            for name, one in unmarked.items():
                before = self.read.schema.table(name)
                of_app = name.startswith(f"{fold(label.partition('.')[0])}_") and name not in self.models.elsewhere
                if of_app and before is not None and is_alike(before, table) and not self.answers.is_dropped(name):
                    self.answers.refuse(unmarked_move(one.key, table, before, label), before.name)

    def _claim(self, model: Table, owned: Owned, before: Table) -> None:
        """Write `_model` to the table, and `_keep` with everything that it has beyond the model, so that nothing is
        lost."""
        self.claimed.append(model.name)
        entries = entries_of(owned)
        lost, gained = lost_and_gained(model, before, ())
        renames = dict(self.columns.renamed(model, before, lost, gained, entries))
        old_names, is_dropped = {fold(name) for name in renames.values()}, self.answers.is_dropped
        lost = [c for c in lost if fold(c.name) in old_names or is_dropped(f"{model.name}.{c.name}")]
        gone = {fold(column.name) for column in lost}
        for column in _unfilled(model, before):
            if fold(column.name) not in gone:
                self.answers.refuse(unfilled(model, column), model.name, column.name)
        keep = [name for name in _kept(model, before, owned) if fold(name) not in gone]
        marks: Json = {"_model": self.models.labels[fold(model.name)], **({"_keep": keep} if keep else {})}
        wanted = merged(model, before, keep, renames, self._field_names(model))
        if wanted == before and "_keep" not in owned.body:
            self.put[owned.key] = with_first(self.text, owned.key, json.dumps(marks, ensure_ascii=False)[1:-1])
        else:
            self._rewrite(wanted, before, Owned(owned.key, {**owned.body, **marks}), entries, lost, gained, renames)

    def _move_out(self, owned: Owned) -> None:
        """Remove a table from the file, whoever wrote it there: the migrations of its app make and change it."""
        self.moved_out.append(from_key(owned.key))
        self.remove.add(owned.key)

    def _release(self, owned: Owned) -> None:
        self.released.append(from_key(owned.key))
        self.put[owned.key] = write.pretty({key: v for key, v in owned.body.items() if key not in ("_model", "_keep")})

    def note_migrations(self, given: DataMigrations) -> None:
        """Record accepted data migrations in the file, the first time all of them; record problems for new ones."""
        known: dict[str, list[str]] = self.tree.get("_migrations", {})
        new = list(unseen(given.found, known)) if "_migrations" in self.tree else []
        self.answers.problems += [unseen_migration(name) for name in new if name not in given.seen]
        seen = {label: list(dict.fromkeys([*known.get(label, ()), *names])) for label, names in given.found.items()}
        if given.found and ("_migrations" not in self.tree or new):
            self.put["_migrations"] = write.pretty({**known, **seen})

    def _note_elsewhere(self) -> None:
        """Record in `_elsewhere` the tables that models refer to and that schema.json does not make."""
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
        renames = dict(self.columns.renamed(model, before, lost, gained, entries))
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
        self.columns.note_fills(wanted, before, [c for c in gained if fold(c.name) not in renames], entries)
        note_dropped(wanted, [c.name for c in lost if c.name not in renames.values()], entries, hints)
        self.put[to_key(wanted.name)] = self._text(wanted, hints, entries)
        if owned.key != to_key(wanted.name):
            self.remove.add(owned.key)

    def _field_names(self, model: Table) -> dict[str, str]:
        """Map the folded name of each column that has a field to the field's name."""
        table, columns = fold(model.name), [fold(column.name) for column in model.columns]
        return {one: self.models.fields[table, one].name for one in columns if (table, one) in self.models.fields}

    def _text(self, table: Table, hints: Json, entries: Mapping[str, Json] | None = None) -> str:
        body: Json = {"_model": self.models.labels[fold(table.name)]}
        body |= {key: hints[key] for key in HINTS if key in hints}
        for key, value in write.document_json(table).items():
            entry = None if is_special(key) else (entries or {}).get(fold(from_key(key)))
            beside = (
                {name: entry[name] for name in ("was", "fill", "comment", *ABOUT_POSTGRES) if name in entry}
                if entry
                else {}
            )
            body[key] = {"type": value, **beside} if beside else value
        return write.pretty(body)


def _unfilled(model: Table, before: Table) -> Iterator[Column]:
    """Yield columns without a field for which every new row needs a value."""
    key = {c.column for c in before.primary_key.columns} if before.primary_key else set()
    for column in before.columns:
        is_required = column.not_null is not None and column.default is None and column.generated is None
        if is_required and model.column(column.name) is None and column.name not in key:
            yield column


def _kept(model: Table, before: Table, owned: Owned) -> list[str]:
    """Return the entries of `_keep` if a model owns the table: the existing ones, and everything beyond the model."""
    return list(dict.fromkeys([*owned.body.get("_keep", ()), *beyond(model, before)]))
