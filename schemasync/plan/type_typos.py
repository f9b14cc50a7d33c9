"""Declared types that look misspelled: SQLite accepts any word as a type."""

from __future__ import annotations

from ..schema import lexer
from ..schema.model import Column

# Type names of SQLite's documentation, Django and common databases. Any other word is accepted, unless it is close to
# one of these.
KNOWN = frozenset(
    """
    ANY ARRAY BIG BIGINT BIGSERIAL BINARY BIT BLOB BOOL BOOLEAN BOX BYTE BYTEA BYTES CHAR CHARACTER CIDR CIRCLE
    CITEXT CLOB COUNTER CURRENCY DATE DATETIME DATETIME2 DATETIMEOFFSET DEC DECIMAL DOUBLE ENUM FIXED FLOAT
    FLOAT4 FLOAT8 GEOGRAPHY GEOMETRY GEOMETRYCOLLECTION GUID HSTORE IMAGE INET INT INT16 INT2 INT32 INT4 INT64
    INT8 INTEGER INTERVAL JSON JSONB LARGE LINE LINESTRING LOB LOCAL LONG LONGBLOB LONGTEXT LSEG MACADDR
    MEDIUMBLOB MEDIUMINT MEDIUMTEXT MONEY MULTILINESTRING MULTIPOINT MULTIPOLYGON NAME NATIONAL NATIVE NCHAR
    NCLOB NTEXT NULL NUM NUMBER NUMERIC NVARCHAR NVARCHAR2 OBJECT OID PATH POINT POLYGON PRECISION RAW REAL
    ROWID SERIAL SET SHORT SIGNED SINGLE SMALLDATETIME SMALLINT SMALLMONEY SMALLSERIAL STRING TEXT TIME
    TIMESTAMP TIMESTAMPTZ TIMETZ TINYBLOB TINYINT TINYTEXT TSVECTOR UINT UNSIGNED UUID VARBINARY VARCHAR
    VARCHAR2 VARYING VECTOR WITH WITHOUT XML YEAR ZEROFILL ZONE
    """.split()
)
SHORT = 7  # letters: two edits turn a shorter word into another word


def misspelt(column: Column) -> tuple[str, str] | None:
    """Return the first word of the declared type that is close to a known type, and that type; None if there is
    none."""
    for token in lexer.tokens(column.type.canonical.partition("(")[0]):
        word = token.value.upper()
        if word not in KNOWN and len(word) > 2 and (near := _nearest(word)):
            return word, near
    return None


def _nearest(word: str) -> str | None:
    """The known type that is one edit away, or two if both words are long; of several, the one of closest length."""
    found = [(distance(word, known), abs(len(word) - len(known)), known) for known in sorted(KNOWN) if len(known) > 2]
    steps, _, known = min(found)
    return known if steps == 1 or (steps == 2 and min(len(word), len(known)) >= SHORT) else None


def distance(one: str, other: str) -> int:
    """The number of letters to add, remove, replace, or swap with the next one (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            steps = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                steps = min(steps, before[j - 2] + 1)
            row.append(steps)
        before, last = last, row
    return last[-1]
