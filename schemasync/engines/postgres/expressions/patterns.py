"""Patterns of GLOB as regular expressions."""

from __future__ import annotations

from collections.abc import Iterator


def glob_as_regex(pattern: str) -> str | None:
    """Return the regular expression that matches the same texts; None if a set is not closed, or a range in it is
    reversed."""
    pieces = list(_pieces(pattern))
    return None if None in pieces else "^" + "".join(piece for piece in pieces if piece) + "$"


def _pieces(pattern: str) -> Iterator[str | None]:
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            yield ".*"
        elif character == "?":
            yield "."
        elif character == "[":
            found = _set(pattern, at)
            if found is None:
                yield None
                return
            at, piece = found
            yield piece
        else:
            yield _plain(character)


def _set(pattern: str, at: int) -> tuple[int, str] | None:
    """Return (offset of the end, characters of the set as a regular expression). A ] at the front is a member of the
    set."""
    inverted = pattern[at : at + 1] == "^"
    begin = at + inverted
    end = pattern.find("]", begin + 1)
    if end < 0:
        return None
    members, inside = [], pattern[begin:end]
    position = 0
    while position < len(inside):
        low, high = inside[position], inside[position : position + 3]
        if len(high) == 3 and high[1] == "-":
            if high[0] > high[2]:
                return None
            members.append(f"{_escaped(low)}-{_escaped(high[2])}")
            position += 3
        else:
            members.append(_escaped(low))
            position += 1
    return end + 1, f"[{'^' if inverted else ''}{''.join(members)}]"


def _plain(character: str) -> str:
    return character if character.isalnum() or character in " _-,:;@/" else _escaped(character)


def _escaped(character: str) -> str:
    """Return the character by its number, which has no special meaning; letters and digits of ASCII as they are."""
    if character.isascii() and character.isalnum():
        return character
    return f"\\U{ord(character):08x}"
