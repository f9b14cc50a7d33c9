"""Generated schemas: schema.json trees that SQLite accepts, with every feature and the oddest of names.

Every choice is a byte of one string that Hypothesis draws (and shrinks towards zeros, which select the first option):
drawing each choice by itself takes five times as long as building and reading the database.
"""

from hypothesis import strategies as st

from schemasync.schema.names import KEYWORDS, fold, is_plain, quote, to_key, upper_ascii

NAMES = (
    *(
        "id",
        "name",
        "price",
        "created",
        "Parent",
        "a",
        "B",
        "Mixed",
        "a$b",
        "two words",
        "it's",
        'a"b',
        "é",
        "_id",
        "__x",
    ),
    *("order", "select", "key", "end", "with", "true", "null", "rowid", "oid", "check", "primary", "generated", "desc"),
    *(
        "É",
        "ß",
        "日本",
        "\U0001f600",
        "e\u0301",
        "\ufeffx",
        "$",
        " ",
        "  ",
        "\t",
        "\n",
        "\x0b",
        "\x7f",
        "",
        "1st",
        "1",
        "-",
    ),
    *(
        "--",
        "/*",
        "*/",
        "//",
        "(",
        ")",
        "a(b",
        '"',
        '""',
        "'",
        "`",
        "[x]",
        "]",
        "[",
        ".",
        "a.b",
        ",",
        ";",
        "%",
        "?",
        ":x",
    ),
    *("@", "#", "\\", "\\n", "a\u00a0b", "\u2028", *sorted(KEYWORDS)),
)
TEXTS = (
    "",
    "x",
    "it's",
    "''",
    '"',
    "a -- b",
    "/*",
    ";",
    ",",
    ")",
    "é",
    "\n",
    " ",
    "\\",
    "%s",
    "null",
    "日本",
    "\ufeff",
)
LITERALS = (
    "1",
    "0",
    "00",
    "1.50",
    ".5",
    "1e3",
    "0x1F",
    "x''",
    "X'00fF'",
    "NULL",
    "TRUE",
    "false",
    "(-9223372036854775808)",
)
TYPES = (
    *(
        "",
        "INT",
        "INTEGER",
        "TEXT",
        "integer",
        "BLOB",
        "REAL",
        "NUMERIC",
        "VARCHAR ( 10 )",
        "decimal(10 , 2)",
        "any",
        "é",
    ),
    *("UNSIGNED  BIG INT", '"odd-type"', "[two  words]", "`INTEGER`", "'text'", '""', "double precision", "key"),
)
STRICT_TYPES = ("INT", "INTEGER", "real", "TEXT", "Blob", "ANY")
COLLATIONS = ("NOCASE", "binary", "rtrim", '"NoCase"', "[BINARY]")
CONFLICTS = ("", "", "", *(f" ON CONFLICT {word}" for word in ("ABORT", "FAIL", "ignore", "REPLACE", "ROLLBACK")))
ACTIONS = ("SET NULL", "SET DEFAULT", "CASCADE", "RESTRICT", "NO ACTION")
DEFAULTS = (
    *("-1", "+ 1.5", "CURRENT_TIMESTAMP", "(current_date)", "((1 + 2))", "(strftime('%s', 'now'))", "-'x'", "(NULL)"),
    *("('a' || \"lower\"('B'))", "(CASE WHEN 1 THEN 2 END)", "(- 1)", "(-(1))", *LITERALS),
)
BINARY = "+ - * / % || < <= > >= = == <> != << >> & | AND or IS".split()
BLANKS = (" ", "  ", "\n", "\t ", " \x0b")
COMMENTS = (" ", " /* a comment */ ", " -- a comment\n", "/* ' */")


class Choices:
    """A string of bytes as a sequence of choices; at its end, every choice selects the first option."""

    def __init__(self, data):
        self.bytes = iter(data)

    def upto(self, most):
        return next(self.bytes, 0) % (most + 1)

    def of(self, options):
        return options[self.upto(len(options) - 1)]

    def one_in(self, odds):
        return self.upto(odds - 1) == odds - 1

    def some(self, options, least, most):
        """Return at least `least` and at most `most` different options, in any order."""
        rest, found = list(options), []
        for _ in range(min(least + self.upto(most - least), len(rest))):
            found.append(rest.pop(self.upto(len(rest) - 1)))
        return found

    def shuffled(self, options):
        return self.some(options, len(options), len(options))

    def name(self, taken):
        """Return a name that SQLite tells apart from the taken ones, and add its folded form to them."""
        name, tries = self.of(NAMES), 0
        while fold(name) in taken or name == "$schema":
            tries += 1
            name = f"{name}{tries}"
        taken.add(fold(name))
        return name

    def spelled(self, name):
        """Return the name in SQL, quoted in any of SQLite's ways, and in any case, as SQLite ignores that of names."""
        name = self.of([name, fold(name), upper_ascii(name)])
        ways = [quote(name), "`" + name.replace("`", "``") + "`"]
        if "]" not in name:
            ways.append(f"[{name}]")
        if is_plain(name) and fold(name) not in KEYWORDS:
            ways += [name, name]
        return self.of(ways)

    def string(self):
        return "'" + self.of(TEXTS).replace("'", "''") + "'"

    def label(self):
        """Return CONSTRAINT with a name, or an empty string."""
        return f"CONSTRAINT {self.spelled(self.of(NAMES))} " if self.one_in(4) else ""

    def expression(self, columns, prefix="", depth=2):
        """Return a deterministic expression over some columns, without a subquery; the caller puts it in
        parentheses."""

        def inner():
            return self.expression(columns, prefix, depth - 1)

        match self.upto(13 if depth else 2):
            case 0 | 1:
                return prefix + self.spelled(self.of(columns))
            case 2:
                return self.of([*LITERALS, self.string()])
            case 3 | 4:
                return f"{inner()}{self.of(BLANKS)}{self.of(BINARY)} {inner()}"
            case 5:
                name, count = self.of([("abs", 1), ("LENGTH", 1), ("lower", 1), ("coalesce", 2), ('"ifnull"', 2)])
                return f"{name}({', '.join(inner() for _ in range(count))})"
            case 6:
                return f"CASE{self.of(BLANKS)}WHEN {inner()} then {inner()} ELSE {inner()} end"
            case 7:
                return f"{inner()} {self.of(['IN', 'NOT IN'])} ({inner()},{self.of(BLANKS)}{inner()})"
            case 8:
                return f"({inner()}) BETWEEN ({inner()}) AND ({inner()})"
            case 9:
                return f"CAST({inner()} AS {self.of(['INTEGER', 'text', 'VARCHAR(10)', 'REAL'])})"
            case 10:
                return f"({inner()}) COLLATE {self.of(COLLATIONS)}"
            case 11:
                return f"({self.of(COMMENTS)}{inner()})"
            case 12:
                return f"({inner()}) {self.of(['ISNULL', 'NOTNULL', 'NOT NULL', 'IS NULL', 'IS NOT NULL'])}"
            case _:
                return f"{self.of(['NOT ', '-', '~', '+'])}({inner()})"

    def entry(self, name):
        """Return a column of a key or index: the bare name, or SQL with an order and a collation."""
        if self.one_in(2):
            return name
        collation = self.of(["", "", " COLLATE NOCASE", " COLLATE binary"])
        return self.spelled(name) + collation + self.of(["", " DESC", " asc"])


class _Table:
    """A table under construction. `targets`: the keys that a foreign key may refer to, the primary key first if there
    is one."""

    def __init__(self, choices, name):
        self.name, self.c, self.body, self.targets = name, choices, {}, []
        taken = set()
        self.columns = [choices.name(taken) for _ in range(1 + choices.upto(4))]
        self.plain = [
            name
            for index, name in enumerate(self.columns)
            if index == 0 or fold(name) in ("true", "false") or not choices.one_in(5)
        ]
        self.strict, self.without_rowid = choices.one_in(2), choices.one_in(2)
        for column in self.columns:
            self.body[to_key(column)] = self._definition(column)
        self.key = self._key()
        self._uniques()
        for _ in range(choices.upto(2)):
            text = choices.expression(self.columns)
            self._add("_checks", choices.of([text, {"check": text}, {"name": "k", "check": text}]))
        for flag, on in (("_strict", self.strict), ("_without_rowid", self.without_rowid)):
            if on or choices.one_in(2):
                self.body[flag] = on

    def _add(self, key, item):
        self.body.setdefault(key, []).append(item)

    def _append(self, column, text):
        self.body[to_key(column)] += " " + self.c.label() + text

    def _definition(self, name):
        c, pieces = self.c, []
        if c.one_in(2):
            pieces.append(f"{c.label()}NOT NULL{c.of(CONFLICTS)}")
        if c.one_in(2):
            pieces.append(f"COLLATE {c.of(COLLATIONS)}")
        if c.one_in(4):
            pieces.append(f"{c.label()}CHECK ({c.expression(self.columns)})")
        if c.one_in(6):
            pieces.append("NULL")
        if name not in self.plain:
            pieces.append(
                f"{c.of(['GENERATED ALWAYS AS', 'AS'])} ({c.expression(self.plain)}){c.of(['', ' STORED', ' virtual'])}"
            )
        elif c.one_in(2):
            pieces.append(f"DEFAULT {c.of([*DEFAULTS, c.string()])}")
        return " ".join([c.of(STRICT_TYPES if self.strict else TYPES), *c.shuffled(pieces)]).strip()

    def _key(self):
        """Add a primary key in one of the possible forms. Return its columns; () if no reference can use them, None for
        no key."""
        c = self.c
        integers = [name for name in self.plain if self.body[to_key(name)].upper().startswith(("INTEGER", "`INTEGER`"))]
        roads = ["inline", "list", "text"] if self.without_rowid else ["none", "inline", "list", "text"]
        road = "alias" if integers and not self.without_rowid and not c.one_in(3) else c.of(roads)
        order = c.of(["", " ASC", " DESC"])
        match road:
            case "none":
                return None
            case "alias":
                columns = (c.of(integers),)
                auto = c.of(["", " AUTOINCREMENT"])
                self._append(columns[0], f"PRIMARY KEY{order.replace(' DESC', '')}{c.of(CONFLICTS)}{auto}")
            case "inline":
                columns = (c.of(self.plain),)
                self._append(columns[0], f"PRIMARY KEY{order}{c.of(CONFLICTS)}")
            case _:
                columns = self._listed("_primary_key", "PRIMARY KEY", c.some(self.plain, 1, 3), road)
        self.targets += [columns] if columns else []
        return columns

    def _uniques(self):
        taken = [] if self.key is None else [set(self.key)]  # SQLite refuses the same key with two conflict clauses
        for _ in range(0 if self.key == () else self.c.upto(2)):
            columns = self.c.some(self.columns, 1, 2)
            if set(columns) in taken:
                continue
            taken.append(set(columns))
            road = self.c.of(["list", "object", "text", *["inline"] * (len(columns) == 1)])
            if road == "inline":
                self._append(columns[0], f"UNIQUE{self.c.of(CONFLICTS)}")
                self.targets.append(tuple(columns))
            elif target := self._listed("_unique_constraints", "UNIQUE", columns, road):
                self.targets.append(target)

    def _listed(self, key, words, columns, road):
        """Add a key over a list of columns; return them, or () if a collation prevents references to it."""
        entries = [self.c.entry(name) for name in columns]
        if road == "text":
            inside = ", ".join(quote(entry) if entry in self.columns else entry for entry in entries)
            self._add("_constraints", f"{self.c.label()}{words} ({inside}){self.c.of(CONFLICTS)}")
        elif key == "_primary_key":
            self.body[key] = entries
        else:
            shape = {"columns": entries} | self.c.of([{}, {"name": "u"}, {"name": "Two Words"}])
            self._add(key, shape if road == "object" else entries)
        return () if any(" COLLATE" in entry for entry in entries) else tuple(columns)

    def refer(self, tables):
        """Add foreign keys in every form."""
        c = self.c
        for _ in range(c.upto(2)):
            parent = c.of(tables)
            target = c.of(parent.targets) if parent.targets else ()
            if not 0 < len(target) <= len(self.plain):
                continue
            columns = c.some(self.plain, len(target), len(target))
            implied = target == parent.key and c.one_in(2)
            deferred = c.one_in(2)
            actions = {event: c.of(ACTIONS) for event in c.some(["delete", "update"], 0, 2)}
            if c.one_in(2):
                shape = {"columns": columns, "references": {"table": parent.name}, "deferrable": deferred}
                shape |= {f"on_{event}": action for event, action in actions.items()}
                shape["references"] |= {} if implied else {"columns": list(target)}
                self._add("_foreign_keys", shape)
                continue
            there = "" if implied else f" ({', '.join(map(c.spelled, target))})"
            clause = f"REFERENCES {c.spelled(parent.name)}{there}"
            clause += "".join(f" ON {event.upper()} {action.lower()}" for event, action in actions.items())
            clause += c.of(["", " MATCH FULL"]) + (" DEFERRABLE INITIALLY DEFERRED" if deferred else "")
            if len(target) == 1 and c.one_in(2):
                self._append(columns[0], clause)
            else:
                self._add("_constraints", f"{c.label()}FOREIGN KEY ({', '.join(map(c.spelled, columns))}) {clause}")

    def index(self, names):
        """Add indexes: over columns and expressions, partial, unique, at most one without a name."""
        c = self.c
        for position in range(c.upto(3)):
            entries = [
                f"({c.expression(self.plain, depth=1)}) || {c.spelled(self.columns[0])}"
                if c.one_in(3)
                else c.entry(c.of(self.columns))
                for _ in range(1 + c.upto(1))
            ]
            if position == 0 and c.one_in(2):
                self._add("_indexes", entries[0] if len(entries) == 1 else entries)
                continue
            shape = {"name": c.name(names), "columns": entries, "unique": c.one_in(2)}
            self._add("_indexes", shape | ({"where": c.expression(self.columns)} if c.one_in(2) else {}))


def _trigger(c, owner, columns, tables, view=False):
    """Return the SQL that follows a trigger's name."""
    event = c.of(["INSERT", "UPDATE", "DELETE"])
    time = "INSTEAD OF" if view else c.of(["AFTER", "BEFORE", ""])
    row = "OLD." if event == "DELETE" else "new."
    of = f" OF {', '.join(map(c.spelled, columns))}" if event == "UPDATE" and c.one_in(2) else ""
    when = f" WHEN ({c.expression(columns, row, depth=1)})" if c.one_in(2) else ""
    target = c.of(tables)
    name, column = c.spelled(target.name), c.spelled(target.plain[0])
    statement = c.of(
        [
            f"SELECT CASE WHEN {row}{c.spelled(columns[-1])} THEN RAISE(ABORT, 'no; really') END",
            f"UPDATE {name} SET {column} = {row}{c.spelled(columns[0])}",
            f"DELETE FROM {name} WHERE {column} > 1 AND {column} IN (1, 2)",
            f"INSERT OR IGNORE INTO {name} ({column}) VALUES (1)",
        ]
    )
    each = c.of(["", " FOR EACH ROW"])
    return (
        f"{time} {event}{of} ON {c.spelled(owner)}{each}{when} BEGIN{c.of(COMMENTS)} {statement}; SELECT 1; END".strip()
    )


def _view(c, name, tables, triggers):
    table = c.of(tables)
    taken = {"true", "false"}  # SQLite itself makes a view's column of that name unavailable to the view's triggers
    aliases = [c.name(taken), c.name(taken)]
    text = (
        f"SELECT {c.spelled(table.columns[0])} AS {c.spelled(aliases[0])}, count(*) {quote(aliases[1])}"
        f"{c.of(COMMENTS)}FROM {c.spelled(table.name)} WHERE {c.expression(table.columns)} GROUP BY 1"
    ) + c.of(["", " -- the end", ";"])
    if c.one_in(2):
        return text
    shape = {"select": text, "columns": aliases}
    if c.one_in(2):
        shape["triggers"] = {to_key(c.name(triggers)): _trigger(c, name, aliases, tables, view=True)}
    return shape


def tree(c):
    """Return a schema.json as its JSON loads: up to three tables, two views and a virtual table."""
    names, triggers = set(), set()
    tables = [_Table(c, c.name(names)) for _ in range(1 + c.upto(2))]
    for table in tables:
        table.refer(tables)
        table.index(names)
        if c.one_in(3):
            table.body["_triggers"] = {to_key(c.name(triggers)): _trigger(c, table.name, table.plain, tables)}
    found = {to_key(table.name): table.body for table in tables}
    views = {}
    for _ in range(c.upto(2)):
        name = c.name(names)
        views[to_key(name)] = _view(c, name, tables, triggers)
    found |= {"_views": views} if views else {}
    if c.one_in(4):
        found["a search table"] = {"_virtual": c.of(["fts5(title, body)", "FTS5( Ti , tokenize='porter')"])}
    return found


@st.composite
def trees(draw):
    """Generate schema.json trees."""
    return tree(Choices(draw(st.binary(min_size=400, max_size=1200))))
