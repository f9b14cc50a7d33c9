"""The steps of a file through schemasync. After each the program reads it, and every row is compared with before."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from .content import columns, content, definitions, numbers
from .format import Environment, Format
from .site import Site

Tree = dict[str, Any]
MANY = 8  # from so many tables on, their names are not listed


class Steps:
    """The steps of one file. `take` makes the file and a second one that no step of schemasync touches: the program
    must read the same in both."""

    def __init__(self, file: Format, program: Environment, folder: Path) -> None:
        self._file, self._program = file, program
        self._site = Site(folder / "site", file, program)
        self._untouched = folder / "untouched" / file.file

    def take(self) -> None:
        print(f"  made by: {self._program.run('version', self._site.link)}")
        self._program.run("make", self._site.link)
        self._site.link.chmod(0o644)
        shutil.copytree(self._site.link.parent, self._untouched.parent, symlinks=True)
        header = numbers(self._site.link)
        self._adopt()
        self._write()
        self._change("a table of ours, an index", _with_table, self._with_index)
        self._change("a column", self._with_column)
        if self._file.fixes:
            self._fix()
        self._change("a rewrite", self._with_unique_column)
        self._change("a rename", _with_renamed_table, self._with_renamed_column)
        self._back_and_forth()
        self._write()
        self._rebuild_all()
        assert numbers(self._site.link) == header, (numbers(self._site.link), header)
        self._maintain()
        self._eject()

    # --- the steps --------------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        before = content(self._site.link)
        found = self._site.done("adopt", "--json").json
        unknown = {kind: names for kind, names in found["unknown_names"].items() if names}
        left_out = [f"{one['type']} {one['name']}" for one in found["not_created"]]
        reported = ", ".join(left_out[:6]) + (f" and {len(left_out) - 6} more" if len(left_out) > 6 else "")
        assert content(self._site.link) == before, "rows differ after adopt"
        rows = sum(map(len, before.values()))
        print(
            f"  adopted, {rows} rows in {len(before)} tables; unknown: {unknown or 'nothing'}; left out: {reported or 'nothing'}"
        )
        self._read("  it reads, after adopt")

    def _change(self, name: str, *changes: Callable[[Tree], None], options: tuple[str, ...] = ()) -> None:
        tree = self._site.tree
        for change in changes:
            change(tree)
        self._site.write(tree)
        before, texts = content(self._site.link, known := columns(self._site.link)), definitions(self._site.link)
        found = self._site.done("--noinput", "--json", *options).json
        after = content(self._site.link, self._as_named_now(known))
        differ = [table for table in before if before[table] != after.get(self._named_now(table))]
        assert not differ, f"{name}: rows differ in {differ}"
        lost = {key for key in texts if not key[1].startswith("later")} - definitions(self._site.link).keys()
        assert not lost, f"{name}: lost {lost}"
        self._site.done("check")
        done = [f"{step['action']} {table}" for table, step in found["tables"].items() if step["action"] != "keep"]
        steps = ", ".join(done) if len(done) < MANY else f"{len(done)} tables"
        rows = sum(map(len, before.values()))
        print(f"  {name}: {steps or 'every table kept'}; {found['rows']} rows written, {rows} compared")
        self._read(f"  it reads, after {name}")

    def _write(self) -> None:
        for path in (self._site.link, self._untouched):
            self._program.run("write", path)
        self._read("  it writes, and reads")

    def _fix(self) -> None:
        """Check that a rewrite is refused, with the keys of rows that violate a constraint, until these are fixed."""
        before = self._site.tree
        self._with_unique_column(tree := self._site.tree)
        self._site.write(tree)
        ended = self._site.run("manage.py", "schemasync", "--noinput", "--json")
        found = {one["code"]: one["keys"] for one in ended.json["hazards"] if one["blocking"]}
        assert (ended.code, found.keys()) == (3, self._file.fixes.keys()), f"{ended.code}: {found}"
        self._site.write(before)
        for path in (self._site.link, self._untouched):
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript("; ".join(self._file.fixes.values()))
        print(f"  refused until they are fixed: {', '.join(f'{code} of rows {keys}' for code, keys in found.items())}")
        self._read("  it reads, after that")

    def _back_and_forth(self) -> None:
        kept = columns(self._site.link)
        live, names = content(self._site.link, kept), definitions(self._site.link)
        self._site.done("rollback", "--noinput")
        self._read("  it reads, after rollback")
        self._site.done("rollback", "--noinput")
        assert content(self._site.link, kept) == live, "rows differ after going back and forth"
        assert definitions(self._site.link) == names, "objects differ after going back and forth"
        self._read("  it reads, after the way forth")

    def _rebuild_all(self) -> None:
        """Rewrite every table with --rebuild-all, or print why it is refused, such as for an unknown name."""
        ended = self._site.call("plan", "--rebuild-all", "--json")
        if ended.code:
            errors = [(one["code"], one["message"]) for one in ended.json["errors"]]
            print(f"  --rebuild-all is refused: {errors}")
        else:
            self._change("every table again", options=("--rebuild-all", "--verify", "full"))

    def _maintain(self) -> None:
        """Do the program's own upkeep. Some programs drop every table that they do not know, also the history; then
        adopt again."""
        for path in (self._site.link, self._untouched):
            reported = self._program.run("maintain", path)
        if not reported:
            return
        print(f"  its own upkeep: {reported}")
        self._read("  it reads, after that")
        if (ended := self._site.call("health")).code:
            print(
                f"  health: exit {ended.code}, {(ended.out + ended.err).partition('[')[2].partition(']')[0]}; adopted again"
            )
            self._site.done("adopt")
            self._site.done("--noinput")
            self._read("  it reads, after that")

    def _eject(self) -> None:
        self._site.done("eject", "--noinput")
        assert not self._site.link.is_symlink()
        ours = [name for _, name in definitions(self._site.link) if name.startswith("_schema")]
        assert not ours, ours
        self._read("  it reads, after eject")

    def _read(self, name: str) -> None:
        found, expected = (self._program.run("read", path) for path in (self._site.link, self._untouched))
        assert found == expected, f"{name}:\n{found}\nthe untouched file:\n{expected}"
        print(f"{name}: {found}" if found != getattr(self, "_last", None) else f"{name}: the same", flush=True)
        self._last = found

    # --- the changes ------------------------------------------------------------------------------------------

    def _with_index(self, tree: Tree) -> None:
        for table, column in self._file.index:
            tree[table].setdefault("_indexes", []).append({"name": f"later_{table}", "columns": [column]})

    def _with_column(self, tree: Tree) -> None:
        for table in self._file.column:
            tree[table]["added_later"] = "TEXT NOT NULL DEFAULT 'x'"

    def _with_unique_column(self, tree: Tree) -> None:
        for table in self._file.column:
            tree[table]["unique_later"] = "TEXT UNIQUE"

    def _with_renamed_column(self, tree: Tree) -> None:
        for table, old, new in self._file.renamed:
            column = tree[table][old]
            renamed = {**column, "was": [old]} if isinstance(column, dict) else {"type": column, "was": [old]}
            tree[table] = {
                new if name == old else name: renamed if name == old else one for name, one in tree[table].items()
            }

    # --- the columns to compare -------------------------------------------------------------------------------

    def _named_now(self, table: str) -> str:
        return "later_notes" if table == "later" and "later_notes" in self._site.tree else table

    def _as_named_now(self, known: dict[str, list[str]]) -> dict[str, list[str]]:
        there = columns(self._site.link)
        renamed = {(table, old): new for table, old, new in (*self._file.renamed, ("later", "note", "remark"))}
        return {
            (now := self._named_now(table)): [
                column if column in there[now] else renamed[table, column] for column in names
            ]
            for table, names in known.items()
        }


def _with_table(tree: Tree) -> None:
    tree["later"] = {"id": "INTEGER PRIMARY KEY", "note": "TEXT NOT NULL DEFAULT ''", "_indexes": ["note"]}


def _with_renamed_table(tree: Tree) -> None:
    columns = {"id": "INTEGER PRIMARY KEY", "remark": {"type": "TEXT NOT NULL DEFAULT ''", "was": ["note"]}}
    del tree["later"]
    tree["later_notes"] = {"_was": ["later"], **columns, "_indexes": ["remark"]}
