"""Makes names of classes and fields from names of tables and columns, within the rules of Python and of Django."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection

from ..schema.names import fold
from .module import MODULES

RESERVED = frozenset(
    """DoesNotExist MultipleObjectsReturned NotUpdated Meta adelete arefresh_from_db asave check clean clean_fields
    date_error_message delete from_db full_clean get_constraints get_deferred_fields objects pk prepare_database_save
    refresh_from_db save save_base serializable_value unique_error_message validate_constraints validate_unique
    models settings dict list""".split()
)
"""Attributes of every model, and names that the body of a class uses."""

_SAME_IN_BOTH = frozenset("series species news means data media lens gas bus".split())
_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "movies": "movie"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z\W_]+|[^\W_]+")


def words(name: str) -> list[str]:
    """Return the words of a name in any style: `TimeEntries`, `time_entries` and `TIME ENTRIES` have the same two
    words."""
    return _WORD.findall(unicodedata.normalize("NFKC", name))


def is_quotable(name: str) -> bool:
    """True if Django can use the name in SQL: it does not escape double quotes and percent signs."""
    return bool(name) and not set(name) & set('"%')


def class_name(table: str, app_label: str = "") -> str:
    """Return the class name for a table: `TimeEntries` -> TimeEntry. The prefix that Django gives tables of the app is
    removed."""
    prefix = f"{fold(app_label)}_"
    base = table[len(prefix) :] if app_label and fold(table).startswith(prefix) else table
    found = [word.lower() for word in words(base or table)] or ["table"]
    found[-1] = singular(found[-1])
    name = "".join(word[0].upper() + word[1:] for word in found)
    if not name.isidentifier():
        name = f"Table{name}"
    return f"{name}Model" if keyword.iskeyword(name) or name in RESERVED or name in MODULES else name


def singular(word: str) -> str:
    """Return the singular of an English word in lower case; the word itself if the singular is not certain."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _SAME_IN_BOTH or len(word) < 4 or word.endswith(("ss", "us", "is", "as", "os")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "uses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


def field_name(column: str) -> str:
    """Return the field name for a column: `CustomerId` -> customer_id. It never ends with an underscore or has two in a
    row, which Django refuses."""
    name = "_".join(word.lower() for word in words(column)) or "field"
    if not name.isidentifier():
        name = f"number_{name}"
    return f"{name}_field" if keyword.iskeyword(name) or name in RESERVED else name


def free(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number if it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def member_name(value: str | int) -> str:
    """Return the name of a choice: `on hold` -> ON_HOLD, 3 -> VALUE_3."""
    name = "_".join(word.upper() for word in words(str(value))) or "EMPTY"
    if isinstance(value, int):
        return f"VALUE_{name}" if value >= 0 else f"VALUE_MINUS_{name}"
    return name if name.isidentifier() else f"VALUE_{name}"
