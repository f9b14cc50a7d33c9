"""Write the generated parts of docs/api/ from the code: `python -m tests.api_pages --write`.

In a page, `<!-- signature: NAME -->` is followed by the signature of a function, and `<!-- object: NAME, NAME -->` by
the keys of TypedDicts and of the TypedDicts inside them; `<!-- shared objects -->` by those that several pages need.
Each part ends with `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import resolve_name
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from schemasync.diff.hazards import HazardCode
from schemasync.errors import Code

from .json_schemas import descriptions

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "api"
SHARED = "objects.md"
_PART = re.compile(r"<!-- (signature|object|shared objects)(?:: ([\w., ]+))? -->\n.*?<!-- end -->", re.DOTALL)
_ELSEWHERE: dict[type, str] = {Code: "[an error code](../errors.md)", HazardCode: "[a hazard code](../hazards.md)"}


def pages() -> dict[Path, str]:
    """Return the text that each page must have."""
    return {path: _PART.sub(_part, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.md"))}


def _part(match: re.Match[str]) -> str:
    kind, name = match[1], match[2]
    if kind == "signature":
        text = f"```python\n{signature_of(name)}\n```"
    elif kind == "object":
        text = "\n\n".join(map(_object, _own(_named(name))))
    else:
        text = "\n\n".join(map(_object, sorted(_shared(), key=lambda one: one.__name__)))
    head = f"<!-- {kind}: {name} -->" if name else f"<!-- {kind} -->"
    return f"{head}\n{text}\n<!-- end -->"


# --- signatures ---------------------------------------------------------------------------------------------------


def signature_of(name: str) -> str:
    """Return the signature as source code, with one argument per line."""
    function = resolve_name(name)
    found = signature(function)
    lines, is_keyword = [], False
    for parameter in found.parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and not is_keyword:
            lines.append("*")
            is_keyword = True
        lines.append(_parameter(parameter))
    arguments = "".join(f"    {line},\n" for line in lines)
    result = _annotation(found.return_annotation)
    if hasattr(function, "__wrapped__"):  # a function decorated with contextmanager
        result = result.replace("Iterator[", "AbstractContextManager[", 1)
    return f"{name}(\n{arguments}) -> {result}" if arguments else f"{name}() -> {result}"


def _parameter(parameter: Parameter) -> str:
    stars = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}: {_annotation(parameter.annotation)}"
    if parameter.default is Parameter.empty:
        return text
    default = f'"{parameter.default}"' if isinstance(parameter.default, str) else repr(parameter.default)
    return f"{text} = {default}"


def _annotation(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", repr(annotation))
    return text.replace("StrPath", "str | PathLike[str]")


def _named(names: str) -> list[type]:
    return [resolve_name(name) for name in names.split(", ")]


# --- objects ------------------------------------------------------------------------------------------------------


@cache
def _in(kind: type) -> tuple[type, ...]:
    """Return the TypedDict and those nested in it at any depth, each once."""
    found = [kind]
    for one in found:
        for hint in get_type_hints(one, include_extras=True).values():
            found += [other for other in _typed_dicts(hint) if other not in found and other not in _pages_of_roots()]
    return tuple(found)


def _typed_dicts(hint: Any) -> Iterator[type]:
    if is_typeddict(hint):
        yield hint
    for argument in get_args(hint):
        yield from _typed_dicts(argument)


@cache
def _roots() -> dict[str, list[type]]:
    """Return the TypedDicts that each page names, by the name of the page."""
    texts = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    return {
        page: [kind for names in re.findall(r"<!-- object: ([\w., ]+) -->", text) for kind in _named(names)]
        for page, text in texts.items()
    }


@cache
def _pages_of_roots() -> dict[type, str]:
    """Return the page that names each TypedDict; other pages link to it."""
    return {kind: page for page, kinds in _roots().items() for kind in kinds}


@cache
def _shared() -> frozenset[type]:
    """Return the TypedDicts that several pages need."""
    used = [{one for root in roots for one in _in(root)} for roots in _roots().values()]
    return frozenset(one for found in used for one in found if sum(one in other for other in used) > 1)


def _own(roots: list[type]) -> list[type]:
    """Return the TypedDicts that only the page of these roots documents."""
    return list(dict.fromkeys(one for root in roots for one in _in(root) if one not in _shared()))


def _object(kind: type) -> str:
    described = dict(descriptions(kind))
    rows = [
        f"| `{key}` | {_shown(hint)} | {described.get(key, '')} |".replace("|  |", "| |")
        for key, hint in get_type_hints(kind, include_extras=True).items()
    ]
    doc = f"{' '.join(kind.__doc__.split())}\n\n" if kind.__doc__ else ""
    return "\n".join([f"### `{kind.__name__}`\n\n{doc}| key | type | |\n|---|---|---|", *rows])


_PLAIN = {str: "`str`", bool: "`bool`", int: "`int`", float: "`float`", NoneType: "`None`", Any: "any"}


def _shown(hint: Any) -> str:
    """Return the type in words: a bar would end the cell of a table."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint in _ELSEWHERE:
        return _ELSEWHERE[hint]
    if is_typeddict(hint):
        where = _pages_of_roots().get(hint) or (SHARED if hint in _shared() else "")
        return f"[`{hint.__name__}`]({where}#{hint.__name__.lower()})"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return " or ".join(f'`"{one}"`' for one in hint)
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin is Literal:
            return " or ".join(f'`"{one}"`' for one in arguments)
        case origin if origin in (Union, UnionType):
            return " or ".join(map(_shown, arguments))
        case origin if origin is NotRequired:
            return f"{_shown(arguments[0])}, or no such key"
        case origin if origin is list:
            return f"list of {_shown(arguments[0])}"
        case origin if origin is dict:
            return f"dict from `str` to {_shown(arguments[1])}"
    raise TypeError(f"no word for the type {hint}")


def main() -> int:
    """Write the pages, or report that they are not up to date."""
    stale = {path: text for path, text in pages().items() if text != path.read_text("utf-8")}
    if "--write" in sys.argv[1:]:
        for path, text in stale.items():
            path.write_text(text, "utf-8")
        return 0
    print(f"not up to date: {', '.join(path.name for path in stale)}" if stale else "up to date")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
