"""The conversions that a column makes when values are stored. https://www.sqlite.org/datatype3.html#type_affinity"""

from __future__ import annotations

from enum import StrEnum

from .model import Column, Table


class Affinity(StrEnum):
    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BLOB = "BLOB"
    REAL = "REAL"
    NUMERIC = "NUMERIC"


def affinity(column: Column, strict: bool) -> Affinity:
    """The affinity of a column, by the rules for its declared type; in a STRICT table ANY converts nothing."""
    declared = column.type.canonical
    if strict and declared == "ANY":
        return Affinity.BLOB
    if "INT" in declared:
        return Affinity.INTEGER
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if "BLOB" in declared or not declared:
        return Affinity.BLOB
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC


def converts_alike(old: Table, old_column: Column, new: Table, new_column: Column) -> bool:
    """True if the new column stores every value of the old one unchanged."""
    before, after = affinity(old_column, old.strict), affinity(new_column, new.strict)
    whole = {Affinity.INTEGER, Affinity.NUMERIC}
    return after is Affinity.BLOB or before is after or {before, after} <= whole
