"""Generated schemas, larger than anyone writes by hand, and rows for them."""

TYPES = (
    "INTEGER NOT NULL DEFAULT 0",
    "TEXT",
    "TEXT NOT NULL DEFAULT '' COLLATE NOCASE",
    "REAL CHECK ({name} IS NULL OR {name} >= 0)",
    "DECIMAL(12,2)",
    "DATE",
    "BLOB",
)


def company(tables, columns):
    """Return `tables` tables of `columns` columns: a key, two references, values; three indexes, one partial."""
    return {f"table_{number:03}": _table(number, columns) for number in range(tables)}


def _table(number, columns):
    body = {"id": "INTEGER PRIMARY KEY"}
    for distance, action in ((1, "CASCADE"), (7, "SET NULL")):
        target = f"table_{max(0, number - distance):03}"
        body[f"back_{distance}"] = f"INTEGER REFERENCES {target} (id) ON DELETE {action}"
    for position in range(columns - len(body)):
        name = f"value_{position:02}"
        body[name] = TYPES[(number + position) % len(TYPES)].format(name=name)
    body["_indexes"] = [
        "back_1",
        ["back_7", "value_00"],
        {"name": f"some_of_{number:03}", "columns": ["value_01"], "where": "value_02 IS NOT NULL"},
    ]
    return body


def wide(columns):
    """Return one table of `columns` columns, with an index on every hundredth."""
    names = [f"c{position:04}" for position in range(1, columns)]
    body = {"id": "INTEGER PRIMARY KEY"}
    body |= {name: TYPES[position % len(TYPES)].format(name=name) for position, name in enumerate(names, 1)}
    return {"wide": {**body, "_indexes": names[99::100]}}


def columns_of(body):
    """Return the names of a table's columns."""
    return [key for key in body if not key.startswith("_")]


def fill(connection, schema, rows):
    """Write the same rows every time: `id` from 1 on, references to the row of the same number, NULLs in places."""
    for table, body in schema.items():
        columns = columns_of(body)
        kinds = [(c, body[c].partition(" ")[0] if isinstance(body[c], str) else body[c]["type"]) for c in columns]
        made = (tuple(_value(i, j, *kind) for j, kind in enumerate(kinds)) for i in range(1, rows + 1))
        marks = ", ".join("?" * len(columns))
        connection.executemany(f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({marks})', made)


def _value(row, position, column, kind):
    number = row * 31 + position
    if column == "id" or column.startswith("back_"):
        return row
    match kind:
        case "INTEGER":
            return number
        case "TEXT":
            return f"Text {number}"
        case "REAL":
            return number / 8
        case "BLOB":
            return number.to_bytes(4, "big")
        case "DATE":
            return None if number % 5 == 0 else f"2025-01-{number % 28 + 1:02}"
        case _:
            return None if number % 7 == 0 else number / 4
