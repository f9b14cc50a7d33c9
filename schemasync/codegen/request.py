"""The input for the description of a schema: the installed Django, the app, and the existing models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..schema.comments import Comments


@dataclass(frozen=True, slots=True)
class Features:
    """Features of the installed Django. `auto_name` maps (table, columns, suffix) to Django's name for an index."""

    auto_name: Callable[[str, Sequence[str], str], str]
    db_on_delete: bool
    unsized_decimal: bool


@dataclass(frozen=True, slots=True)
class External:
    """An installed model of a table. `label`: `app.Model`. `key`: its primary key, `unique`: the fields that a foreign
    key may refer to, both by folded column. `names`: its fields and the relations to it. `has_python_rules`: one of its
    own foreign keys has an `on_delete` that Django carries out, and not SQLite."""

    label: str
    key: str
    unique: Mapping[str, str]
    names: frozenset[str] = frozenset()
    is_user: bool = False
    has_python_rules: bool = False
    has_db_rules: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """The context of a description. `external`: the installed models, by folded table. `view_columns`: each column with
    its declared type, by folded view. `class_names`: the existing class names of the app, in lower case."""

    features: Features
    app_label: str = ""
    external: Mapping[str, External] = field(default_factory=dict)
    comments: Comments = field(default_factory=Comments)
    view_columns: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    class_names: frozenset[str] = frozenset()
