"""Translates patterns of GLOB into regular expressions. https://www.sqlite.org/lang_expr.html#glob"""

from __future__ import annotations

import re

ANY = {"*": "(?s:.*)", "?": "(?s:.)"}


def as_regex(pattern: str) -> str | None:
    """Return a regular expression that matches the whole text; None for patterns without one in Python: an unclosed
    set, a range in reverse order, two hyphens in a set."""
    found, at = "", 0
    while at < len(pattern):
        if pattern[at] == "[":
            end = _end_of_set(pattern, at)
            if end < 0 or "--" in pattern[at:end]:  # Python warns that it may become a set difference
                return None
            found += _set(pattern[at + 1 : end])
            at = end + 1
        else:
            found += ANY.get(pattern[at]) or re.escape(pattern[at])
            at += 1
    return _compiled(rf"\A{found}\Z")


def _compiled(regex: str) -> str | None:
    try:
        re.compile(regex)
    except re.error:
        return None
    return regex


def _end_of_set(pattern: str, at: int) -> int:
    """Return the index of the ] that closes the set, -1 if there is none. A ] at the beginning is a member."""
    first = at + 2 if pattern[at + 1 : at + 2] == "^" else at + 1
    return pattern.find("]", first + 1)


def _set(members: str) -> str:
    negation = "^" if members.startswith("^") else ""
    escaped = "".join(rf"\{c}" if c in r"\[]^&~|" else c for c in members[len(negation) :])
    return f"[{negation}{escaped}]"
