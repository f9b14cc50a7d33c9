"""Column definitions and table constraints, as SQLite's grammar reads them, to plain parts.

https://www.sqlite.org/syntax/column-constraint.html and table-constraint.html. What is written on a column and
what is written on the table end as the same parts; `normalize` puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from . import lexer
from .lexer import Kind, Token
from .model import Check, ForeignKey, IndexedColumn, NotNull, PrimaryKey, Sql, Unique
from .names import fold, quote, shout

ROWID_NAMES = ("rowid", "oid", "_rowid_")
_LITERAL_WORDS = ("null", "true", "false", "current_time", "current_date", "current_timestamp")
_COLUMN_CONSTRAINTS = frozenset(
    "constraint default null not primary unique check references collate as deferrable".split()
)
_AWAITING_OPERAND = frozenset(
    "and or not is in like glob match regexp escape between case when then else collate from".split()
)
_TABLE_CONSTRAINTS = frozenset("constraint primary unique check foreign".split())


class DefinitionError(ValueError):
    """The text is no definition; the message says why, in a phrase."""


class DisguisedString(DefinitionError):
    """A double-quoted word that names no column: SQLite would silently read it as a string."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(f'"{word}" names no column, so SQLite would read it as the string')


@dataclass(slots=True)
class ColumnParts:
    """A column definition, its constraints that belong to the table still beside it."""

    name: str
    type: Sql = field(default_factory=lambda: Sql(""))
    not_null: NotNull | None = None
    default: Sql | None = None
    collation: str | None = None
    generated: Sql | None = None
    stored: bool = False


@dataclass(slots=True)
class TableParts:
    """Everything that a table's definitions say, before columns and constraints are brought together."""

    columns: list[ColumnParts] = field(default_factory=list)
    primary_keys: list[PrimaryKey] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that an expression of a table may use: folded name -> the name as spelled.

    `lenient` reads a string in disguise as the string that SQLite takes it for; otherwise it is refused.
    """

    columns: Mapping[str, str]
    lenient: bool = False

    def spelled(self, name: str) -> str:
        """The column as its own definition spells it; an unknown name comes back as it is."""
        return self.columns.get(fold(name), name)

    def is_name(self, before: Token | None, token: Token, after: Token | None) -> bool:
        """True where a double-quoted word cannot be a string, for what it is or where it stands."""
        return (
            fold(token.value) in self.columns
            or fold(token.value) in ROWID_NAMES
            or (after is not None and after.text in ("(", "."))
            or (before is not None and (before.text == "." or before.word in ("collate", "as")))
        )


def check_single(sql: str) -> tuple[Token, ...]:
    """The tokens of one definition. Raises DefinitionError where the text is none, or is two."""
    found = lexer.tokens(sql, comments=True)
    depth = 0
    for token in found:
        if token.kind is Kind.ILLEGAL:
            raise DefinitionError(f"{token.text!r} is not SQL here")
        if token.kind is Kind.VARIABLE:
            raise DefinitionError(f"a definition takes no parameter ({token.text})")
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
            if depth < 0:
                raise DefinitionError("a ) closes nothing")
        elif token.kind is Kind.COMMENT and (depth == 0 or not _closed(token)):
            raise DefinitionError("a comment may stand only inside parentheses, and closed")
        elif token.text == ";" or (token.text == "," and depth == 0):
            raise DefinitionError(f"a {token.text!r} would make two definitions of it")
    if depth:
        raise DefinitionError("a ( is not closed")
    return tuple(token for token in found if token.kind is not Kind.COMMENT)


def _closed(comment: Token) -> bool:
    return comment.text.startswith("--") or (comment.text.endswith("*/") and len(comment.text) >= 4)


def expression(sql: str, parts: Sequence[Token], scope: Scope) -> Sql:
    """The expression of at least one token, in normal form. Raises DisguisedString where the scope refuses those."""
    words, pieces, last = [], [], parts[0].start
    for index, token in enumerate(parts):
        before = parts[index - 1] if index else None
        after = parts[index + 1] if index + 1 < len(parts) else None
        if token.double_quoted and not scope.is_name(before, token, after):
            if not scope.lenient:
                raise DisguisedString(token.value)
            string = "'" + token.value.replace("'", "''") + "'"
            pieces += [sql[last : token.start], string]
            last = token.end
            words.append(string)
        else:
            words.append(token.canonical())
    return Sql(" ".join(words), "".join([*pieces, sql[last : parts[-1].end]]))


def indexed_column(sql: str, parts: Sequence[Token], scope: Scope) -> IndexedColumn:
    """`a`, `a COLLATE x DESC` or an expression. https://www.sqlite.org/syntax/indexed-column.html"""
    if not parts:
        raise DefinitionError("a column is missing between commas")
    rest, descending = parts, False
    if len(rest) > 1 and rest[-1].word in ("asc", "desc") and _ends_operand(rest[-2]):
        descending = rest[-1].word == "desc"
        rest = rest[:-1]
    token, collation = _lone_name(rest)
    if token is not None and fold(token.value) in scope.columns:
        return IndexedColumn(column=scope.spelled(token.value), collation=collation, descending=descending)
    found = expression(sql, rest, scope)
    if len(rest) == 1 and rest[0].double_quoted:
        found = Sql(found.canonical, rest[0].text)  # an old index over `"x"`, the string: as 'x' SQLite refuses it
    return IndexedColumn(expression=found, descending=descending)


def _ends_operand(token: Token) -> bool:
    """False where an operand must follow: there DESC is a column's name."""
    return token.text == ")" or (token.kind is not Kind.OPERATOR and token.word not in _AWAITING_OPERAND)


def _lone_name(parts: Sequence[Token]) -> tuple[Token | None, str | None]:
    """The one name that is all there is but for parentheses and COLLATE, and the outermost collation.

    SQLite looks through both: PRIMARY KEY ((x)) is PRIMARY KEY (x).
    """
    collation = None
    while len(parts) > 2:
        if parts[0].text == "(" and lexer.closing(parts, 0) == len(parts) - 1:
            parts = parts[1:-1]
        elif parts[-2].word == "collate":
            collation = collation or fold(parts[-1].value)
            parts = parts[:-2]
        else:
            break
    return (parts[0] if len(parts) == 1 and _is_nameable(parts[0]) else None), collation


def _is_nameable(token: Token) -> bool:
    return token.kind in (Kind.WORD, Kind.QUOTED, Kind.STRING)


class _Reader:
    """A cursor over the tokens of one definition."""

    def __init__(self, sql: str, parts: Sequence[Token], scope: Scope) -> None:
        self.sql, self.parts, self.scope, self.at = sql, parts, scope, 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.parts)

    def peek(self, *words: str) -> bool:
        """True where the next tokens are these keywords or marks."""
        following = self.parts[self.at : self.at + len(words)]
        return len(following) == len(words) and all(
            (token.word or token.text) == word for token, word in zip(following, words, strict=True)
        )

    def take(self, *words: str) -> bool:
        """Step over these keywords if they come next."""
        if not self.peek(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.take(*words):
            raise DefinitionError(f"{shout(' '.join(words))} expected {self.where()}")

    def where(self) -> str:
        if self.done:
            return "at the end"
        return f"at {lexer.source(self.sql, self.parts[self.at :])[:40]!r}"

    def next(self) -> Token:
        if self.done:
            raise DefinitionError("something is missing at the end")
        self.at += 1
        return self.parts[self.at - 1]

    def name(self) -> str:
        """SQLite takes a bare word, a quoted name or a string where a name must stand."""
        token = self.next()
        if not _is_nameable(token):
            raise DefinitionError(f"a name expected instead of {token.text!r}")
        return token.value

    def group(self) -> Sequence[Token]:
        """The tokens between the parentheses that come next."""
        if not self.peek("("):
            raise DefinitionError(f"( expected {self.where()}")
        end = lexer.closing(self.parts, self.at)  # there is one: `check_single` and SQLite see to it
        inside = self.parts[self.at + 1 : end]
        self.at = end + 1
        return inside

    def group_expression(self) -> Sql:
        inside = self.group()
        if not inside:
            raise DefinitionError("an expression is missing between ( and )")
        return expression(self.sql, inside, self.scope)

    def names(self) -> tuple[str, ...]:
        """A parenthesised list of names, of one at least."""
        result = []
        for run in lexer.split(self.group()) or [()]:
            if len(run) != 1 or not _is_nameable(run[0]):
                raise DefinitionError("a list of column names expected")
            result.append(run[0].value)
        return tuple(result)

    def conflict(self) -> str | None:
        """ON CONFLICT x; ABORT is the default and is None."""
        if not self.take("on", "conflict"):
            return None
        word = self.next().word
        if word not in ("rollback", "abort", "fail", "ignore", "replace"):
            raise DefinitionError("ON CONFLICT takes ROLLBACK, ABORT, FAIL, IGNORE or REPLACE")
        return None if word == "abort" else shout(word)


def _references(reader: _Reader, columns: tuple[str, ...], name: str | None) -> ForeignKey:
    table = reader.name()
    references = reader.names() if reader.peek("(") else ()
    actions: dict[str, str | None] = {}
    while True:
        if reader.take("match"):
            reader.name()  # SQLite parses MATCH and does nothing with it
        elif reader.peek("on") and not reader.peek("on", "conflict"):
            reader.take("on")
            event = reader.next().word
            if event not in ("delete", "update", "insert"):  # SQLite parses ON INSERT and does nothing with it
                raise DefinitionError("ON DELETE or ON UPDATE expected")
            actions[event] = _action(reader)
        else:
            break
    return ForeignKey(
        columns,
        table,
        references,
        actions.get("delete"),
        actions.get("update"),
        _deferred(reader),
        name,
    )


def _action(reader: _Reader) -> str | None:
    for words in (("set", "null"), ("set", "default"), ("cascade",), ("restrict",)):
        if reader.take(*words):
            return shout(" ".join(words))
    reader.expect("no", "action")
    return None


def _deferred(reader: _Reader) -> bool:
    """Only DEFERRABLE INITIALLY DEFERRED is deferred. https://www.sqlite.org/foreignkeys.html#fk_deferred"""
    deferrable = False
    if reader.take("not", "deferrable"):
        pass
    elif reader.take("deferrable"):
        deferrable = True
    else:
        return False
    if reader.take("initially", "deferred"):
        return deferrable
    reader.take("initially", "immediate")
    return False


def _type(reader: _Reader) -> Sql:
    """The type name: words up to the first constraint, then up to two signed numbers in parentheses."""
    begin = reader.at
    while not reader.done:
        token = reader.parts[reader.at]
        if not _is_nameable(token) or token.word in _COLUMN_CONSTRAINTS or reader.peek("generated", "always"):
            break
        reader.at += 1
    words = reader.parts[begin : reader.at]
    if not words:
        return Sql("")
    size = _size(reader)
    if len(words) == 1 and words[0].kind is not Kind.WORD and not size:
        return _quoted_type(words[0].value)
    spelled = " ".join(word.text for word in words) + size
    return Sql(shout(spelled), spelled)


def _size(reader: _Reader) -> str:
    """`(10)` or `(10,2)`, '' where there is none."""
    if not reader.peek("("):
        return ""
    numbers = lexer.split(reader.group())
    if not numbers or not all(run and run[-1].kind is Kind.NUMBER for run in numbers):
        raise DefinitionError("the size of a type is one number or two")
    return "(" + ",".join("".join(token.text for token in run) for run in numbers) + ")"


def _quoted_type(declared: str) -> Sql:
    """A type that is one quoted name, bare where that says the same."""
    words = lexer.tokens(declared, comments=True)
    bare = words and all(token.kind is Kind.WORD and token.is_name and token.word != "generated" for token in words)
    spelled = " ".join(token.text for token in words) if bare else quote(declared)
    return Sql(shout(spelled), spelled)


def read_column(sql: str, name: str, scope: Scope, into: TableParts, parts: Sequence[Token] | None = None) -> None:
    """Read what stands after a column's name into `into`. Raises DefinitionError."""
    reader = _Reader(sql, check_single(sql) if parts is None else parts, scope)
    column = ColumnParts(name, _type(reader))
    into.columns.append(column)
    label: str | None = None
    while not reader.done:
        if reader.take("constraint"):
            label = reader.name() or None
            continue
        _column_constraint(reader, column, label, into)
        label = None


def _column_constraint(reader: _Reader, column: ColumnParts, label: str | None, into: TableParts) -> None:
    me = (IndexedColumn(column=column.name),)
    if reader.take("not", "null"):
        column.not_null = NotNull(label, reader.conflict())
    elif reader.take("null"):
        reader.conflict()
    elif reader.take("default"):
        column.default = _default(reader)
    elif reader.take("primary", "key"):
        descending = reader.take("desc")
        if not descending:
            reader.take("asc")
        conflict = reader.conflict()
        key = (IndexedColumn(column=column.name, descending=descending),)
        alias = shout(column.type.canonical) == "INTEGER" and not descending
        into.primary_keys.append(PrimaryKey(key, label, conflict, reader.take("autoincrement"), alias))
    elif reader.take("unique"):
        into.uniques.append(Unique(me, label, reader.conflict()))
    elif reader.take("check"):
        into.checks.append(Check(reader.group_expression(), label))
    elif reader.take("references"):
        into.foreign_keys.append(_references(reader, (column.name,), label))
    elif reader.peek("deferrable") or reader.peek("not", "deferrable"):
        _defer_last(reader, column, into)
    elif reader.take("collate"):
        column.collation = _collation(reader.name())
    elif reader.take("generated", "always", "as") or reader.take("as"):
        column.generated = reader.group_expression()
        column.stored = reader.take("stored")
        if not column.stored:
            reader.take("virtual")
    else:
        raise DefinitionError(f"no column constraint {reader.where()}")


def _defer_last(reader: _Reader, column: ColumnParts, into: TableParts) -> None:
    """A DEFERRABLE that stands apart belongs to the newest REFERENCES; SQLite takes one that has none, too."""
    deferred = _deferred(reader)
    own = bool(into.foreign_keys) and into.foreign_keys[-1].columns == (column.name,)
    if not own and not reader.scope.lenient:
        raise DefinitionError("DEFERRABLE belongs to REFERENCES")
    if into.foreign_keys:
        into.foreign_keys[-1] = replace(into.foreign_keys[-1], deferred=deferred)


def _collation(name: str) -> str | None:
    folded = fold(name)
    return None if folded == "binary" else folded


def _default(reader: _Reader) -> Sql | None:
    """DEFAULT takes a literal, a signed number or an expression in parentheses; NULL is no default at all.

    A bare or quoted word is a string to SQLite, except TRUE, FALSE and the CURRENT_… words.
    """
    if reader.peek("("):
        return _bare_default(reader.sql, reader.group(), reader.scope)
    begin = reader.at
    if reader.peek("+") or reader.peek("-"):
        reader.next()
    token = reader.next()
    if token.kind in (Kind.OPERATOR, Kind.ILLEGAL):
        raise DefinitionError(f"DEFAULT takes no {token.text!r}")
    if token.kind is Kind.QUOTED or (token.kind is Kind.WORD and token.word not in _LITERAL_WORDS):
        if not reader.scope.lenient:
            raise DisguisedString(token.value)
        return Sql("'" + token.value.replace("'", "''") + "'")
    return _bare_default(reader.sql, reader.parts[begin : reader.at], reader.scope)


def _bare_default(sql: str, parts: Sequence[Token], scope: Scope) -> Sql | None:
    while len(parts) > 1 and parts[0].text == "(" and lexer.closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    if not parts:
        raise DefinitionError("DEFAULT is empty")
    found = expression(sql, parts, scope)
    return None if found.canonical == "null" else found


def is_literal(default: str) -> bool:
    """True for what may follow DEFAULT without parentheses: a literal, or a number with its sign."""
    *sign, last = lexer.tokens(default)
    if sign:
        return len(sign) == 1 and sign[0].text in "+-" and last.kind is Kind.NUMBER
    return last.kind in (Kind.NUMBER, Kind.STRING, Kind.BLOB) or last.word in _LITERAL_WORDS


def is_table_constraint(parts: Sequence[Token]) -> bool:
    """True where a piece between the commas of CREATE TABLE is a table constraint rather than a column."""
    return bool(parts) and parts[0].word in _TABLE_CONSTRAINTS


def read_constraints(sql: str, scope: Scope, into: TableParts, parts: Sequence[Token] | None = None) -> None:
    """Read one table constraint, or several without commas as SQLite takes them. Raises DefinitionError."""
    reader = _Reader(sql, check_single(sql) if parts is None else parts, scope)
    label: str | None = None
    while not reader.done:
        if reader.take("constraint"):
            label = reader.name() or None
            continue
        _table_constraint(reader, label, into)
        label = None


def _table_constraint(reader: _Reader, label: str | None, into: TableParts) -> None:
    if reader.take("primary", "key"):
        inside, auto = reader.group(), False
        if inside and inside[-1].word == "autoincrement":
            inside, auto = inside[:-1], True
        columns = _key_columns(reader, inside)
        into.primary_keys.append(PrimaryKey(columns, label, reader.conflict(), auto, _may_be_alias(columns)))
    elif reader.take("unique"):
        into.uniques.append(Unique(_key_columns(reader, reader.group()), label, reader.conflict()))
    elif reader.take("check"):
        into.checks.append(Check(reader.group_expression(), label))
        reader.conflict()
    elif reader.take("foreign", "key"):
        columns_ = tuple(reader.scope.spelled(name) for name in reader.names())
        reader.expect("references")
        into.foreign_keys.append(_references(reader, columns_, label))
    else:
        raise DefinitionError(f"no table constraint {reader.where()}")


def _key_columns(reader: _Reader, inside: Sequence[Token]) -> tuple[IndexedColumn, ...]:
    columns = tuple(indexed_column(reader.sql, run, reader.scope) for run in lexer.split(inside))
    if not columns:
        raise DefinitionError("a key needs a column")
    return columns


def _may_be_alias(columns: tuple[IndexedColumn, ...]) -> bool:
    """A table's PRIMARY KEY over one column can be the row id, whatever its order and collation say."""
    return len(columns) == 1 and columns[0].column is not None
