"""Our lexer splits SQL where SQLite's own splits it."""

import random
import sqlite3

import pytest

from schemasync.schema import lexer
from schemasync.schema.lexer import TokenKind

from .support import TIMES

PIECES = (
    *(
        "a",
        "B",
        "e3",
        "x",
        "é",
        "a$",
        "1",
        "0",
        "12",
        "1.5",
        ".5",
        "5.",
        "1e3",
        "1E+2",
        "0x1F",
        "0X0",
        "TRUE",
        "NULL",
    ),
    *(
        "'s'",
        "''",
        "'it''s'",
        "'\"'",
        "'--'",
        "x'00'",
        "X'aF'",
        '"a"',
        '"e3"',
        "[a]",
        "`B`",
        "(",
        ")",
        "(",
        ")",
        ",",
        ".",
    ),
    *(
        "+",
        "-",
        "*",
        "/",
        "%",
        "=",
        "==",
        "<",
        "<=",
        "<>",
        "<<",
        ">",
        ">=",
        ">>",
        "!=",
        "||",
        "|",
        "&",
        "~",
        "IS",
        "not",
    ),
    *(
        " ",
        " ",
        " ",
        "\n",
        "\t",
        "\f",
        "\r",
        "\x0b",
        "\ufeff",
        "/**/",
        "/* ' */",
        "/***/",
        "--\n",
        "-- '\n",
        "/*",
        "--x",
    ),
)


def _answer(connection, text):
    try:
        return connection.execute(f"SELECT {text}\nFROM t").fetchall()
    except (sqlite3.Error, sqlite3.Warning):
        return None


def test_what_sqlite_takes_it_takes_from_the_canonical_spelling_too_with_the_same_result():
    connection = sqlite3.connect(":memory:")
    connection.execute('CREATE TABLE t (a, b, e3, x, "é", a$)')
    connection.execute("INSERT INTO t VALUES (1, 'two', 3.5, x'04', NULL, 'seven')")
    chance, taken = random.Random(TIMES), 0
    for _ in range(20_000 * TIMES):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 7)))
        last = lexer.tokens(text, comments=True)[-1:]
        if last and last[0].text.startswith("/*") and not last[0].text[3:].endswith("*/"):
            continue  # the rest of the statement would be a comment
        expected = _answer(connection, text)
        if expected is not None:
            assert _answer(connection, lexer.join(lexer.tokens(text))) == expected, text
            taken += 1
    assert taken > 1_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        ("''", ""),
        ('"a""b"', 'a"b'),
        ("`a``b`", "a`b"),
        ("[a\"b'c]", "a\"b'c"),
        ("'--'", "--"),
        ("'/*'", "/*"),
        ("'a\nb'", "a\nb"),
        ("'é'", "é"),
    ],
)
def test_quotes_come_off_as_sqlite_takes_them_off(text, value):
    (token,) = lexer.tokens(text)
    assert token.value == value
    cursor = sqlite3.connect(":memory:").execute(f"SELECT {'1 AS ' if token.kind is TokenKind.QUOTED else ''}{text}")
    assert (cursor.description[0][0] if token.kind is TokenKind.QUOTED else cursor.fetchone()[0]) == value


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a /* b */ c", ["a", "c"]),
        ("a--b\nc", ["a", "c"]),
        ("a/*/c*/d", ["a", "d"]),
        ("a /* never closed", ["a"]),
        ("1.5e-3.5", ["1.5e-3", ".5"]),
        ("1..5", ["1.", ".5"]),
        ("a.5", ["a", ".5"]),
        ("a->>b->c", ["a", "->>", "b", "->", "c"]),
        ("a<=b<c", ["a", "<=", "b", "<", "c"]),
        ("x'0'x", ["x'0'", "x"]),
        ("ax'0'", ["ax", "'0'"]),
        ("a\ufeffb", ["a\ufeffb"]),
        ("\ufeffa \ufeff b", ["a", "b"]),
        ("a \x0b b", ["a", "b"]),
        ("a$b", ["a$b"]),
        ("?1 :a @b $c #d", ["?1", ":a", "@b", "$c", "#d"]),
        ("1_000", ["1_000"]),
    ],
)
def test_text_falls_into_tokens(text, kinds):
    assert [token.text for token in lexer.tokens(text)] == kinds


@pytest.mark.parametrize(
    "text", ["{", "}", "\\", "^", "\x0b", "'open", '"open', "`open", "[open", "\x00", "!", ":", "\x7f"]
)
def test_what_is_no_sql_is_seen_and_never_raises(text):
    assert lexer.tokens(text)[0].kind is TokenKind.ILLEGAL


def test_a_token_knows_where_it_stands():
    text = "CHECK (a /* b */ > 'c')"
    for token in lexer.tokens(text, comments=True):
        assert text[token.start : token.end] == token.text


def test_comments_are_given_to_who_asks():
    assert [t.text for t in lexer.tokens("a /* b */ -- c", comments=True)] == ["a", "/* b */", "-- c"]


def test_a_list_falls_apart_only_between_its_own_commas():
    runs = lexer.split(lexer.tokens("a, f(b, (c, d)), 'e,f'"))
    assert [lexer.join(run) for run in runs] == ["a", "f ( b , ( c , d ) )", "'e,f'"]
    assert lexer.split(()) == []


def test_a_parenthesis_that_is_not_closed_has_no_end():
    assert lexer.closing(lexer.tokens("( a ( b )"), 0) == -1
    assert lexer.closing(lexer.tokens("( a ( b ) ) c"), 0) == 5


def test_the_source_of_tokens_is_what_was_written():
    text = " a /* b */ c "
    assert lexer.source(text, lexer.tokens(text)) == "a /* b */ c"
    assert lexer.source(text, ()) == ""
