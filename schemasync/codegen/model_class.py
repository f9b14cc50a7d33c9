"""Builds the description of one model from its draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..schema.lexer import TokenKind, tokens
from ..schema.model import Check, Column, Index, IndexedColumn, Table
from ..schema.names import fold
from . import checks
from .code import Call, Choices, Code, ListOf, Literal, ModelClass, ModelField, Name
from .conditions import Translation
from .draft import Draft, view_key
from .field_types import AUTO, POSITIVE, FieldType, PythonKind, field_type, python_value
from .module import MODULES
from .naming import RESERVED, field_name, free, is_quotable, singular, words
from .request import Request
from .sql_expression import Column as ColumnTree
from .sql_expression import Function, Tree, Unsupported, Value, parse

SHOWN = ("name", "title", "full_name", "display_name", "label", "username", "email", "code", "subject", "slug")
"""Columns whose text identifies a row for people, best first."""

INDEX_NAME = 30  # characters: Django refuses longer names of indexes (models.E034)


@dataclass(slots=True)
class ModelBuilder:
    """Builds one model. `tables`: all tables of the schema. `constraint_names`: all names in use."""

    draft: Draft
    drafts: Mapping[str, Draft]
    request: Request
    tables: Mapping[str, Table]
    constraint_names: set[str]
    choices: list[Choices] = field(default_factory=list)
    types: dict[str, FieldType] = field(default_factory=dict)
    said: list[Check] = field(default_factory=list)
    """CHECKs that a field expresses."""

    @property
    def table(self) -> Table:
        return self.draft.table

    def build(self) -> ModelClass:
        self.types = {fold(column.name): self._type(column) for column in self._columns()}
        if self.draft.view is not None:
            fields = list(self._view_fields())
        else:
            fields = [*self._key_fields(), *map(self._field, self._columns())]
        meta = tuple(self._meta())
        return ModelClass(
            self.draft.name,
            self.table.name,
            self.request.comments.tables.get(fold(self.table.name), ""),
            tuple(self.choices),
            tuple(fields),
            meta,
            self._shown(),
            is_view=self.draft.view is not None,
            said=frozenset(check.expression.canonical for check in self.said),
            rules=tuple(self.draft.rules.items()),
            rowid=self.draft.rowid,
        )

    def _columns(self) -> list[Column]:
        """Return the columns that have a field."""
        return [column for column in self.table.columns if fold(column.name) in self.draft.fields]

    # --- fields ---------------------------------------------------------------------------------------------

    def _key_fields(self) -> Iterator[ModelField]:
        """Yield the field of a composite key, or of the row id of a table without a key."""
        key = self.table.primary_key
        if self.draft.rowid:
            name = free("rowid", self.draft.attributes)
            options: list[tuple[str, Code]] = [("primary_key", Literal(True))]
            if name != self.draft.rowid:
                options.append(("db_column", Literal(self.draft.rowid)))
            yield ModelField(name, Call("models.AutoField", (), tuple(options)))
        elif key is not None and len(key.columns) > 1:
            names = [Literal(self._attribute(one.column or "")) for one in key.columns]
            yield ModelField("pk", Call("models.CompositePrimaryKey", tuple(names)))

    def _has_big_references(self) -> bool:
        """True if all columns that refer to the table are BIGINT, as those that refer to a BigAutoField are."""
        own = fold(self.table.name)
        types = {
            column.type.canonical
            for table in self.tables.values()
            for key in table.foreign_keys
            if fold(key.table) == own and len(key.columns) == 1 and (column := table.column(key.columns[0]))
        }
        return types == {"BIGINT"}

    def _attribute(self, column: str) -> str:
        """Return the attribute with the value of a column: `author_id` for the relation `author`."""
        name = self.draft.fields[fold(column)]
        return f"{name}_id" if fold(column) in self.draft.keys else name

    def _is_key(self, column: Column) -> bool:
        """True if the column alone is the primary key."""
        key = self.table.primary_key
        return key is not None and len(key.columns) == 1 and fold(key.columns[0].column or "") == fold(column.name)

    def _in_key(self, column: Column) -> bool:
        key = self.table.primary_key
        return key is not None and any(fold(one.column or "") == fold(column.name) for one in key.columns)

    def _field(self, column: Column) -> ModelField:
        folded = fold(column.name)
        if folded in self.draft.keys:
            call = self._relation(column)
        elif column.generated is not None:
            call = self._generated(column)
        else:
            call = self._plain(column)
        if help_text := self.request.comments.columns.get((fold(self.table.name), folded)):
            call = call.having(help_text=Literal(help_text))
        return ModelField(self.draft.fields[folded], call, column.name)

    def _type(self, column: Column) -> FieldType:
        """Return the type of the field, from the declared type and the CHECKs of the column."""
        found = field_type(column, self.table, unsized_decimal=self.request.features.unsized_decimal)
        own = ColumnTree(fold(column.name))
        for one in checks.about(self.table, column.name):
            if one.check.name is None and _is_json(one.tree, own) and found.kind in (PythonKind.TEXT, PythonKind.JSON):
                self.said.append(one.check)
                return FieldType(PythonKind.JSON, "JSONField")
            is_positive = one.tree == parse(f"{_quoted(own.name)} >= 0")
            if one.check.name is None and is_positive and column.type.canonical in POSITIVE:
                self.said.append(one.check)
                return FieldType(PythonKind.INTEGER, POSITIVE[column.type.canonical])
            is_plain = found.kind is PythonKind.INTEGER and not self._in_key(column) and own.name not in self.draft.keys
            if is_plain and checks.is_boolean(one.tree, column.name):
                if one.check.name is None:
                    self.said.append(one.check)
                return FieldType(PythonKind.BOOLEAN, "BooleanField")
        return found

    def _plain(self, column: Column) -> Call:
        kind = self.types[fold(column.name)]
        key = self.table.primary_key
        if self._is_key(column) and key is not None and key.rowid_alias:
            kind = FieldType(PythonKind.INTEGER, AUTO[self._has_big_references()])
        options: list[tuple[str, Code]] = []
        choices = self._choices(column, kind.kind)
        if choices is not None:
            options.append(("choices", Name(choices.name)))
        options += kind.options
        options += self._key_options(column)
        options += self._default_options(column, kind, choices)
        if kind.kind is PythonKind.ANY:
            options.append(("editable", Literal(False)))
        if column.collation is not None and kind.kind is PythonKind.TEXT:
            options.append(("db_collation", Literal(column.collation.upper())))
        if not choices and (found := list(self._validators(column, kind.kind))):
            options.append(("validators", ListOf(tuple(found))))
        return Call(f"models.{kind.name}", (), (*options, *self._column_option(column)))

    def _key_options(self, column: Column) -> Iterator[tuple[str, Code]]:
        """Yield the options for key, uniqueness, NULL and index."""
        folded = fold(column.name)
        if self._is_key(column):
            yield "primary_key", Literal(True)
        elif self.draft.is_unique(folded):
            yield "unique", Literal(True)
        if column.not_null is None and not self._in_key(column):
            yield from (("null", Literal(True)), ("blank", Literal(True)))
        elif column.default is not None and column.default.canonical == "''":
            yield "blank", Literal(True)
        is_relation = folded in self.draft.keys
        has_index = self._has_auto_index(column)
        if is_relation and not self._is_key(column) and not self.draft.is_unique(folded):
            if not has_index:
                yield "db_index", Literal(False)
        elif has_index:
            yield "db_index", Literal(True)

    def _has_auto_index(self, column: Column) -> bool:
        name = self.request.features.auto_name(self.table.name, [column.name], "")
        found = next((index for index in self.table.indexes if index.name == name), None)
        return found is not None and found == Index(name, (IndexedColumn(column=column.name),))

    def _column_option(self, column: Column) -> Iterator[tuple[str, Code]]:
        if self._attribute(column.name) != column.name:
            yield "db_column", Literal(column.name)

    def _choices(self, column: Column, kind: PythonKind) -> Choices | None:
        if kind not in (PythonKind.TEXT, PythonKind.INTEGER):
            return None
        for one in checks.about(self.table, column.name):
            found = checks.values(one.tree, column.name)
            if found and isinstance(found[0], str) == (kind is PythonKind.TEXT):
                taken = {choices.name for choices in self.choices} | self.draft.attributes | RESERVED | MODULES.keys()
                made = checks.enumeration(column.name, found, taken)
                self.choices.append(made)
                if one.check.name is None:
                    self.said.append(one.check)
                return made
        return None

    def _validators(self, column: Column, kind: PythonKind) -> Iterator[Call]:
        for one in checks.about(self.table, column.name):
            if one.check.name is None and one.check not in self.said:
                found = checks.validators(one.tree, column.name, kind)
                if found:
                    self.said.append(one.check)
                    yield from found

    def _default_options(self, column: Column, kind: FieldType, choices: Choices | None) -> Iterator[tuple[str, Code]]:
        """Yield `default` for forms and `db_default` for SQLite if the default is a literal, otherwise `db_default`
        with its SQL."""
        if column.default is None or (self._is_key(column) and kind.name in AUTO):
            return
        try:
            tree = parse(column.default.canonical)
            value = python_value(kind.kind, tree.value) if isinstance(tree, Value) else None
        except Unsupported:
            value = None
        if value is not None and kind.kind not in (PythonKind.TIME, PythonKind.MOMENT):
            value = _member(choices, value)
            yield from (("default", value), ("db_default", value))
            return
        if kind.kind is PythonKind.JSON and column.default.canonical in ("'{}'", "'[]'"):
            yield "default", Name("dict" if "{" in column.default.canonical else "list")
        elif kind.kind is not PythonKind.ANY:
            yield "editable", Literal(False)
        yield "db_default", _raw(column.default.text)

    def _relation(self, column: Column) -> Call:
        folded = fold(column.name)
        key, target = self.draft.keys[folded], self._target(folded)
        is_one = self.draft.is_unique(folded)
        options: list[tuple[str, Code]] = []
        if to_field := self._to_field(folded):
            options.append(("to_field", Literal(to_field)))
        if folded in self.draft.related:
            options.append(("related_name", Literal(self.draft.related[folded])))
        options += [option for option in self._key_options(column) if not (is_one and option[0] == "unique")]
        options += self._default_options(column, self._key_type(folded), None)
        options += self._column_option(column)
        name = "OneToOneField" if is_one else "ForeignKey"
        assert key is not None
        return Call(f"models.{name}", (target, Name(f"models.{self.draft.rules[folded]}")), tuple(options))

    def _target(self, column: str) -> Code:
        table = fold(self.draft.keys[column].table)
        external = self.request.external.get(table)
        if external is None:
            own = self.drafts[table]
            return Literal("self" if own is self.draft else own.name)
        return Name("settings.AUTH_USER_MODEL") if external.is_user else Literal(external.label)

    def _to_field(self, column: str) -> str:
        key = self.draft.keys[column]
        target, wanted = fold(key.table), fold(key.references[0])
        external = self.request.external.get(target)
        if external is not None:
            return "" if wanted == external.key else external.unique[wanted]
        other = self.drafts[target]
        keyed = other.table.primary_key
        is_key = keyed is not None and [fold(one.column or "") for one in keyed.columns] == [wanted]
        return "" if is_key else other.fields[wanted]

    def _key_type(self, column: str) -> FieldType:
        """Return the type of the column, if the column that it refers to has values of the same kind; otherwise a type
        whose defaults are written only as SQL."""
        key, own = self.draft.keys[column], self.types[column]
        other = self.drafts.get(fold(key.table))
        target = other.table.column(key.references[0]) if other is not None else None
        if other is None or target is None:
            return own
        found = field_type(target, other.table, unsized_decimal=self.request.features.unsized_decimal)
        return own if found.kind is own.kind else FieldType(PythonKind.ANY, "Field")

    def _generated(self, column: Column) -> Call:
        assert column.generated is not None
        kind = self.types[fold(column.name)]
        output: list[tuple[str, Code]] = list(kind.options)
        if column.not_null is None:
            output.append(("null", Literal(True)))
        if column.collation is not None and kind.kind is PythonKind.TEXT:
            output.append(("db_collation", Literal(column.collation.upper())))
        output_field = Call(f"models.{kind.name}", (), tuple(output))
        expression = self._generated_expression(column)
        if isinstance(expression, Call) and expression.function == "models.F":
            # a bare F is no Expression, to Django's manual and to type checkers
            expression = Call("models.ExpressionWrapper", (expression,), (("output_field", output_field),))
        options: list[tuple[str, Code]] = [
            ("expression", expression),
            ("output_field", output_field),
            ("db_persist", Literal(column.stored)),
        ]
        if self.draft.is_unique(fold(column.name)):
            options.append(("unique", Literal(True)))
        elif self._has_auto_index(column):
            options.append(("db_index", Literal(True)))
        return Call("models.GeneratedField", (), (*options, *self._column_option(column)))

    def _generated_expression(self, column: Column) -> Code:
        assert column.generated is not None
        try:
            tree = parse(column.generated.canonical)
            self._translation().kind(tree)
            return self._translation().expression(tree)
        except Unsupported:
            return _raw(column.generated.text)

    def _view_fields(self) -> Iterator[ModelField]:
        assert self.draft.view is not None
        key = view_key(self.draft.view, self.table.columns, self.tables)
        for column in self.table.columns:
            kind = self.types[fold(column.name)]
            options: list[tuple[str, Code]] = list(kind.options)
            if fold(column.name) == key:
                options.append(("primary_key", Literal(True)))
            else:
                options += [("null", Literal(True)), ("blank", Literal(True))]
            options += self._column_option(column)
            yield ModelField(
                self.draft.fields[fold(column.name)], Call(f"models.{kind.name}", (), tuple(options)), column.name
            )

    # --- Meta -----------------------------------------------------------------------------------------------

    def _meta(self) -> Iterator[tuple[str, Code]]:
        label = self.request.app_label
        if not label or f"{label}_{self.draft.name.lower()}" != self.table.name:
            yield "db_table", Literal(self.table.name)
        if plural := self._plural():
            yield "verbose_name_plural", Literal(plural)
        if self.draft.view is not None:
            yield "default_permissions", ListOf((Literal("view"),))
            return
        if together := list(self._unique_together()):
            yield "unique_together", ListOf(tuple(together))
        if constraints := [*self._unique_constraints(), *self._check_constraints()]:
            yield "constraints", ListOf(tuple(constraints))
        if indexes := list(self._indexes()):
            yield "indexes", ListOf(tuple(indexes))

    def _plural(self) -> str:
        """Return the plural in the table's name if Django would form another one, otherwise ''."""
        label = self.request.app_label
        found = [word.lower() for word in words(self.table.name)]
        if label and found[:1] == [fold(label)] and len(found) > 1:
            found = found[1:]
        own = [word.lower() for word in words(self.draft.name)]
        is_plural = bool(found) and singular(found[-1]) != found[-1] and [*found[:-1], singular(found[-1])] == own
        plural = " ".join(found)
        return plural if is_plural and plural != " ".join(own) + "s" else ""

    def _names(self, columns: tuple[IndexedColumn, ...]) -> list[Literal]:
        """Return the fields of plain columns. Raises Unsupported for others."""
        found = []
        for one in columns:
            if one.column is None or one.collation is not None or fold(one.column) not in self.draft.fields:
                raise Unsupported("not a plain column")
            name = self.draft.fields[fold(one.column)]
            found.append(Literal(f"-{name}" if one.descending else name))
        return found

    def _ascending(self, columns: tuple[IndexedColumn, ...]) -> ListOf:
        if any(one.descending for one in columns):
            raise Unsupported("a descending column")
        return ListOf(tuple(self._names(columns)))

    def _is_together(self, index: Index) -> bool:
        plain = all(one.column and not one.collation and not one.descending for one in index.columns)
        if not (index.unique and index.where is None and plain):
            return False
        columns = [one.column or "" for one in index.columns]
        return index.name == self.request.features.auto_name(self.table.name, columns, "_uniq")

    def _unique_together(self) -> Iterator[Code]:
        yield from (self._ascending(index.columns) for index in self.table.indexes if self._is_together(index))

    def _unique_constraints(self) -> Iterator[Call]:
        for one in self.table.uniques:
            is_of_field = one.name is None and len(one.columns) == 1
            if one.conflict is None and not is_of_field and is_quotable(one.name or "uniq"):
                try:
                    names = self._ascending(one.columns)
                except Unsupported:
                    continue
                name = one.name or self._invented([column.column or "" for column in one.columns], "uniq")
                yield Call("models.UniqueConstraint", (), (("fields", names), ("name", Literal(name))))
        for index in self.table.indexes:
            if index.unique and not self._is_together(index) and is_quotable(index.name):
                try:
                    yield self._unique_index(index)
                except Unsupported:
                    continue

    def _unique_index(self, index: Index) -> Call:
        condition = self._where(index)
        plain = all(one.column and not one.collation and not one.descending for one in index.columns)
        if plain and (condition or self._is_referred_to(index)):
            options = (("fields", self._ascending(index.columns)), *condition, ("name", Literal(index.name)))
            return Call("models.UniqueConstraint", (), options)
        expressions = tuple(self._index_expression(one) for one in index.columns)
        return Call("models.UniqueConstraint", expressions, (*condition, ("name", Literal(index.name))))

    def _is_referred_to(self, index: Index) -> bool:
        """True if a relation refers to the column of a unique index: Django then demands a constraint over the
        field."""
        own, column = fold(self.table.name), fold(index.columns[0].column or "")
        return len(index.columns) == 1 and any(
            fold(key.table) == own and fold(key.references[0]) == column
            for draft in self.drafts.values()
            for key in draft.keys.values()
        )

    def _check_constraints(self) -> Iterator[Call]:
        for check in self.table.checks:
            if check in self.said or not is_quotable(check.name or "check"):
                continue
            try:
                tree = parse(check.expression.canonical)
                if any(self._may_be_null(column) for column in checks.negated_twice(tree)):
                    continue
                condition = self._translation().condition(tree)
            except Unsupported:
                continue
            name = check.name or self._invented(sorted(checks.columns(tree)), "check")
            yield Call("models.CheckConstraint", (), (("condition", condition), ("name", Literal(name))))

    def _invented(self, columns: list[str], suffix: str) -> str:
        """Return a new name for a constraint that has none in the schema."""
        stem = field_name("_".join([self.table.name, *columns]))[:50].rstrip("_")
        name = free(f"{stem}_{suffix}", self.constraint_names)
        self.constraint_names.add(name)
        return name

    def _indexes(self) -> Iterator[Call]:
        autos = {self.request.features.auto_name(self.table.name, [column.name], "") for column in self.table.columns}
        for index in self.table.indexes:
            is_named = is_quotable(index.name) and len(index.name) <= INDEX_NAME
            is_named = is_named and index.name[0] != "_" and not index.name[0].isdigit()
            if index.unique or not is_named or self._is_of_field(index, autos):
                continue
            try:
                yield self._index(index)
            except Unsupported:
                continue

    def _is_of_field(self, index: Index, autos: set[str]) -> bool:
        column = self.table.column(index.columns[0].column or "")
        return index.name in autos and column is not None and self._has_auto_index(column)

    def _index(self, index: Index) -> Call:
        condition = self._where(index)
        if all(one.column and not one.collation for one in index.columns):
            options = (("fields", ListOf(tuple(self._names(index.columns)))), *condition, ("name", Literal(index.name)))
            return Call("models.Index", (), options)
        expressions = tuple(self._index_expression(one) for one in index.columns)
        return Call("models.Index", expressions, (*condition, ("name", Literal(index.name))))

    def _where(self, index: Index) -> tuple[tuple[str, Code], ...]:
        if index.where is None:
            return ()
        tree = parse(index.where.canonical)
        if any(self._may_be_null(column) for column in checks.negated(tree)):
            raise Unsupported("Django also takes rows in which a negated column is NULL")
        return (("condition", self._translation().condition(tree)),)

    def _may_be_null(self, name: str) -> bool:
        column = self.table.column(name)
        return column is not None and column.not_null is None and not self._in_key(column)

    def _index_expression(self, one: IndexedColumn) -> Code:
        if one.expression is not None:
            found = self._translation().expression(parse(one.expression.canonical))
        else:
            found = Call("models.F", (Literal(self._translation().field(fold(one.column or ""))),))
        if one.collation is not None:
            found = Call("Collate", (found, Literal(one.collation)))
        if one.descending:
            found = Call("models.OrderBy", (found,), (("descending", Literal(True)),))
        return found

    def _translation(self) -> Translation:
        kinds = {name: found.kind for name, found in self.types.items() if name not in self.draft.keys}
        return Translation(self.draft.fields, kinds, self._compared_value)

    def _compared_value(self, column: str, value: str | bytes | int | float | None) -> Code:
        kind = self.types.get(column)
        if kind is None:
            raise Unsupported(column)
        return python_value(kind.kind, value)

    # --- the rest -------------------------------------------------------------------------------------------

    def _shown(self) -> tuple[str, bool] | None:
        for name in SHOWN:
            for column in self._columns():
                kind = self.types[fold(column.name)].kind
                is_name = self.draft.fields[fold(column.name)] == name and fold(column.name) not in self.draft.keys
                if is_name and kind is PythonKind.TEXT:
                    return name, self.draft.view is not None or self._may_be_null(column.name)
        return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_json(tree: Tree, own: ColumnTree) -> bool:
    return tree == Function("json_valid", (own,))


def _member(choices: Choices | None, value: Code) -> Code:
    """Return the member of the enumeration with that value; the value itself if there is none."""
    for member, choice, _ in choices.members if choices is not None else ():
        if value == Literal(choice):
            return Name(f"{choices.name}.{member}")  # type: ignore[union-attr]
    return value


def _raw(sql: str) -> Call:
    """Return SQL unchanged as a RawSQL, except that a % is doubled, as Django formats it with parameters."""
    text = " ".join(token.text for token in tokens(sql)) if any(c in sql for c in "\n\r") or _has_comment(sql) else sql
    return Call("RawSQL", (Literal(text.replace("%", "%%")), ListOf(())))


def _has_comment(sql: str) -> bool:
    return any(token.kind is TokenKind.COMMENT for token in tokens(sql, comments=True))
