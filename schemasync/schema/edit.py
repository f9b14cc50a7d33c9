"""Edits the text of a schema.json and leaves every other byte unchanged, including comments."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .jsonc import Path, Scan, scan

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Span:
    """A replacement of the text from `begin` up to `end` by `text`."""

    begin: int
    end: int
    text: str


def edit(text: str, put: Mapping[str, str], remove: Collection[str] = ()) -> str:
    """The text with keys of its top object replaced, added at its end in order, or removed.

    `put`: key -> its new JSON value. The text must be a schema.json that can be read without errors.
    """
    found = scan(text)
    there = [str(path[0]) for path in found.keys if len(path) == 1]
    spans = [_value(found, key, value) for key, value in put.items() if key in there]
    spans += [_member(found, key) for key in there if key in remove]
    added = [f"{json.dumps(key, ensure_ascii=False)}: {value}" for key, value in put.items() if key not in there]
    if added:
        spans += _addition(found, there, added, remove)
    return _replaced(text, spans)


def with_first(text: str, key: str, members: str) -> str:
    """Return the value of a key of the top object with these members inserted before its first one; it must have
    members."""
    found = scan(text)
    _, begin, end = _ends(found, key)
    return f"{text[begin]}\n    {members},{text[begin + 1 : end]}"


def with_member(text: str, path: Path, key: str, value: str) -> str:
    """Return the text in which the object at that path, which must have members, has this JSON value under the key: in
    place of an earlier one, or after its last member."""
    found = scan(text)
    if (*path, key) in found.keys:
        _, begin, end = _extent(found, (*path, key))
        return _replaced(text, [_Span(begin, end, value)])
    last = [other for other in found.keys if other[:-1] == path][-1]
    begin, _, end = _extent(found, last)
    before = text[text.rfind("\n", 0, begin) + 1 : begin]
    blanks = " " if before.strip() else f"\n{before}"
    return _replaced(text, [_Span(end, end, f",{blanks}{json.dumps(key, ensure_ascii=False)}: {value}")])


def without(text: str, paths: Collection[Path]) -> str:
    """Return the text without these members and items. Comments stay, even those in the lines that are removed.

    An object or list that becomes empty stays, too. The text must be a schema.json that can be read without errors.
    """
    found = scan(text)
    children: dict[Path, list[Path]] = {}
    for path in found.keys:
        children.setdefault(path[:-1], []).append(path)
    spans = [
        span for parent in {path[:-1] for path in paths} for span in _removals(text, found, children[parent], paths)
    ]
    return _replaced(text, spans)


def unwrapped(text: str, paths: Collection[Path]) -> str:
    """Return the text in which these objects are replaced by the value of their only member, if they have just one and
    no comment."""
    found = scan(text)
    spans = []
    for path in paths:
        inside = [other for other in found.keys if other[:-1] == path]
        if len(inside) == 1:
            _, begin, end = _extent(found, path)
            key, value, last = _extent(found, inside[0])
            if not text[begin + 1 : key].strip() and not text[last : end - 1].strip(" \n\t\r,"):
                spans.append(_Span(begin, end, text[value:last]))
    return _replaced(text, spans)


def _replaced(text: str, spans: Collection[_Span]) -> str:
    pieces, at = [], 0
    for span in sorted(spans, key=lambda span: span.begin):  # a comma stays before a member that needs it
        pieces += [text[at : span.begin], span.text]
        at = span.end
    return "".join([*pieces, text[at:]])


def _removals(text: str, found: Scan, children: Sequence[Path], removed: Collection[Path]) -> Iterator[_Span]:
    """Return the spans of the removed children of one object or list, and of a comma that no item follows any more."""
    kept = [number for number, path in enumerate(children) if path not in removed]
    last_kept = kept[-1] if kept else -1
    if 0 <= last_kept < len(children) - 1 and _comma(found, _extent(found, children[-1])[2]) is None:
        comma = _comma(found, _extent(found, children[last_kept])[2])
        assert comma is not None  # another item follows it
        yield _Span(comma, comma + 1, "")
    for number, path in enumerate(children):
        if path in removed:
            begin, _, end = _extent(found, path)
            comma = _comma(found, end)
            yield _with_blanks(text, begin, end if comma is None else comma + 1, is_last=number > last_kept)


def _with_blanks(text: str, begin: int, end: int, *, is_last: bool) -> _Span:
    """The span and its whole lines if they hold nothing else; otherwise the blanks before the last member, and those
    after any other."""
    line, stop = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
    if line and stop >= 0 and not text[line:begin].strip() and not text[end:stop].strip():
        return _Span(line, stop + 1, "")
    if is_last:
        return _Span(len(text[:begin].rstrip(" \t")), end, "")
    return _Span(begin, len(text) - len(text[end:].lstrip(" \t")), "")


def _ends(found: Scan, key: str) -> tuple[int, int, int]:
    """Return the start of a key, and the start and the end of its value."""
    return _extent(found, (key,))


def _extent(found: Scan, path: Path) -> tuple[int, int, int]:
    """Return the start of a member or item, and the start and the end of its value."""
    begin = value = found.keys[path]
    if isinstance(path[-1], str):
        _, after_key = _DECODER.raw_decode(found.json, begin)
        value = _skip_blanks(found.json, found.json.index(":", after_key) + 1)
    _, end = _DECODER.raw_decode(found.json, value)
    return begin, value, end


def _value(found: Scan, key: str, text: str) -> _Span:
    _, begin, end = _ends(found, key)
    return _Span(begin, end, text)


def _member(found: Scan, key: str) -> _Span:
    """The span of a member with the comma after it, and of its whole lines if they hold nothing else."""
    begin, _, end = _ends(found, key)
    comma = _comma(found, end)
    end = end if comma is None else comma + 1
    line, stop = found.json.rfind("\n", 0, begin) + 1, found.json.find("\n", end)
    if stop >= 0 and not found.json[line:begin].strip() and not found.json[end:stop].strip():
        begin, end = line, stop + 1
    return _Span(begin, end, "")


def _addition(found: Scan, there: Sequence[str], members: Sequence[str], removed: Collection[str]) -> Iterator[_Span]:
    """New members at the end of the object: after a comma if one is needed, and before one if there was one."""
    close = found.json.rstrip().rfind("}")
    last = _ends(found, there[-1])[2] if there else None
    comma = None if last is None else _comma(found, last)
    if last is not None and comma is None and there[-1] not in removed:
        yield _Span(last, last, ",")
    line = found.json.rfind("\n", 0, close) + 1
    stands_alone = line > (comma or 0) and not found.json[line:close].strip()
    text = ",\n".join(f"  {member}" for member in members) + ("," if comma is not None else "") + "\n"
    yield _Span(line, line, text) if stands_alone else _Span(close, close, "\n" + text)


def _comma(found: Scan, end: int) -> int | None:
    """The offset of the comma after a value; None if there is none."""
    after = _skip_blanks(found.json, end)
    if found.json[after : after + 1] == ",":
        return after
    return next((at for at in found.trailing if end <= at <= after), None)


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
