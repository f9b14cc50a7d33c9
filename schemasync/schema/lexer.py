"""Splits SQL into tokens by SQLite's own lexical rules (its tokenize.c), and joins tokens into a canonical spelling.

No library is used because the version of a schema is a hash over the output, so an upgrade must not change it. The
lexer knows no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from .names import canonical, fold, is_plain


class TokenKind(Enum):
    WORD = "word"
    QUOTED = "quoted name"
    STRING = "string"
    BLOB = "blob"
    NUMBER = "number"
    OPERATOR = "operator"
    COMMENT = "comment"
    VARIABLE = "variable"
    ILLEGAL = "illegal"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its position: `source[start:end] == text`."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def double_quoted(self) -> bool:
        """True for `"x"`, which SQLite reads as a string if it names no column."""
        return self.kind is TokenKind.QUOTED and self.text[0] == '"'

    @property
    def value(self) -> str:
        """The name or value of the token, without quotes."""
        if self.kind in (TokenKind.QUOTED, TokenKind.STRING):
            mark = self.text[0]
            inner = self.text[1:-1]
            return inner if mark == "[" else inner.replace(mark * 2, mark)
        return self.text

    @property
    def word(self) -> str:
        """The unquoted word in lower case, for comparison with keywords; '' for any other token."""
        return fold(self.text) if self.kind is TokenKind.WORD else ""

    @property
    def is_name(self) -> bool:
        """True if the token may be a name: quoted names, and unquoted words except strict keywords.

        TRUE and FALSE name a column if there is one of that name.
        """
        bare = self.kind is TokenKind.WORD and (is_plain(self.text) or self.word in ("true", "false"))
        return self.kind is TokenKind.QUOTED or bare

    def canonical(self) -> str:
        """The canonical spelling: names folded, and unquoted if possible; other tokens as written."""
        if self.kind is TokenKind.WORD:
            return fold(self.text)
        if self.kind is TokenKind.QUOTED:
            return canonical(self.value)
        return self.text


# Order matters: comments before operators, blobs before words. An identifier may hold `$` and anything beyond
# ASCII; a number may have digit separators (SQLite 3.46). A vertical tab is a blank only after another blank, a
# byte order mark only if a token could begin there.
_PATTERN = re.compile(
    r"""
      (?P<SPACE>[ \t\n\f\r][ \t\n\v\f\r]*|\ufeff)
    | (?P<COMMENT>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<BLOB>[xX]'[0-9a-fA-F]*')
    | (?P<STRING>'(?:[^']|'')*')
    | (?P<QUOTED>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<NUMBER>0[xX][0-9a-fA-F]+(?:_[0-9a-fA-F]+)*
        |(?:[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?)
    | (?P<WORD>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<VARIABLE>\?[0-9]*|[:@$\#][A-Za-z0-9_$\x80-\U0010ffff]+)
    | (?P<OPERATOR>->>|->|\|\||<=|<>|<<|>=|>>|==|!=|[-+*/%=<>|,&~();.])
    | (?P<ILLEGAL>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(sql: str, *, comments: bool = False) -> tuple[Token, ...]:
    """All tokens of `sql` in order, without blanks; with `comments` also the comments. Never raises."""
    found = []
    for match in _PATTERN.finditer(sql):
        name = match.lastgroup or "ILLEGAL"
        if name == "SPACE" or (name == "COMMENT" and not comments):
            continue
        found.append(Token(TokenKind[name], match.group(), match.start()))
    return tuple(found)


def join(parts: Iterable[Token]) -> str:
    """The canonical spelling of several tokens, with one blank between them."""
    return " ".join(token.canonical() for token in parts)


def source(sql: str, parts: Sequence[Token]) -> str:
    """The text as written from the first of `parts` to the last, including comments."""
    return sql[parts[0].start : parts[-1].end] if parts else ""


def closing(parts: Sequence[Token], opening: int) -> int:
    """Index of the `)` that closes the `(` at index `opening`, or -1 if none does."""
    depth = 0
    for index in range(opening, len(parts)):
        if parts[index].text == "(":
            depth += 1
        elif parts[index].text == ")":
            depth -= 1
            if depth == 0:
                return index
    return -1


def split(parts: Sequence[Token], separator: str = ",") -> list[Sequence[Token]]:
    """The tokens between separators at depth 0; nothing for an empty sequence."""
    if not parts:
        return []
    runs, depth, begin = [], 0, 0
    for index, token in enumerate(parts):
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth == 0 and token.text == separator:
            runs.append(parts[begin:index])
            begin = index + 1
    runs.append(parts[begin:])
    return runs
