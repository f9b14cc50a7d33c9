"""The draft of one model, which is completed part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..schema.lexer import tokens
from ..schema.model import Column, ForeignKey, Table, View
from ..schema.names import fold


@dataclass(slots=True)
class Draft:
    """The draft of one model, completed part by part. `fields` maps folded columns to names of fields; `keys` has the
    foreign key of each column that becomes a relation; `related` and `rules` the related name and on_delete of each."""

    table: Table
    name: str
    fields: dict[str, str] = field(default_factory=dict)
    keys: dict[str, ForeignKey] = field(default_factory=dict)
    related: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    rowid: str = ""
    view: View | None = None

    @property
    def attributes(self) -> set[str]:
        """The names of the fields, and of the attributes with the keys of the relations."""
        return {*self.fields.values(), *(f"{self.fields[column]}_id" for column in self.keys)}

    def is_unique(self, column: str) -> bool:
        """True if the column alone is the primary key, or has a UNIQUE without a name."""
        key = self.table.primary_key
        keyed = key is not None and [fold(c.column or "") for c in key.columns] == [column]
        return keyed or any(
            one.name is None and one.conflict is None and [fold(c.column or "") for c in one.columns] == [column]
            for one in self.table.uniques
        )


def view_key(view: View, columns: Sequence[Column], tables: Mapping[str, Table]) -> str:
    """Return the folded column of a view that most probably identifies its rows: `id`, or one named like the key of a
    table that the view reads, or else the first."""
    names = [fold(column.name) for column in columns]
    read = [
        tables[word]
        for word in dict.fromkeys(fold(token.value) for token in tokens(view.select.text))
        if word in tables
    ]
    keys = [
        table.primary_key.columns[0].column
        for table in read
        if table.primary_key and len(table.primary_key.columns) == 1
    ]
    wanted = ["id", *(fold(key) for key in keys if key)]
    return next((name for name in wanted if name in names), names[0])
