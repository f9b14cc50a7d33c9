"""Names: compared, quoted and unquoted as SQLite does."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemasync.schema import lexer, names
from schemasync.schema.names import KEYWORDS, canonical, fold, from_key, is_plain, is_special, quote, spell, to_key

from .strategies import NAMES
from .support import effort

ANY = st.one_of(st.sampled_from(NAMES), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))

# The places of a name in a schema; w is both a column and the alias of a table or a subquery.
PLACES = (
    "CREATE TABLE t_ ({q} INT, x_, CHECK ({w} > 0 AND ({w}) > 0 AND x_ IN ({w}) AND x_ IN ({w}, 1) AND t_.{w} > 0))",
    "CREATE TABLE t_ ({q} INT, CHECK (CASE {w} WHEN {w} THEN {w} ELSE {w} END AND CASE WHEN {w} THEN {w} END))",
    "CREATE TABLE t_ ({q} INT, x_, CHECK (CAST({w} AS INT) AND x_ BETWEEN {w} AND {w} AND x_ LIKE {w} ESCAPE {w}))",
    "CREATE TABLE t_ ({q} INT, CHECK (NOT {w} AND - {w} AND {w} ISNULL AND {w} NOT NULL AND {w} IS NOT {w}))",
    "CREATE TABLE t_ ({q} INT, y_ AS ({w}), z_ AS (({w})), CHECK (max({w}, {w}) AND {w} COLLATE nocase = {w}))",
    "CREATE TABLE t_ ({q} INT, x_); CREATE INDEX i_ ON t_ (({w}), {w} + 1, {w} COLLATE nocase, x_) WHERE {w} > 1",
    "CREATE TABLE t_ ({q} INT, x_ REFERENCES t_ ({w}), PRIMARY KEY ({w}), UNIQUE (x_, {w}),"
    " FOREIGN KEY ({w}) REFERENCES t_ ({w}))",
    "CREATE TABLE t_ ({q} INT);"
    " CREATE VIEW v_ AS SELECT {w}, ({w}) AS {w} FROM t_ WHERE {w} GROUP BY {w} ORDER BY {w} DESC; SELECT * FROM v_",
    "CREATE TABLE {q} ({q} INT);"
    " CREATE VIEW v_ AS SELECT b_.{w} FROM {w} AS b_ JOIN {w} AS c_ USING ({w}); SELECT * FROM v_",
    "CREATE TABLE t_ (x_);"
    " CREATE VIEW v_ AS SELECT x_ {w}, 1 FROM (SELECT 1 x_) {w} WHERE {w}.x_ ORDER BY 1; SELECT * FROM v_",
    "CREATE TABLE {q} ({q} INT, x_ UNIQUE);"
    " CREATE TRIGGER g_ AFTER UPDATE OF {w}, x_ ON {w} WHEN NEW.{w} > OLD.{w} BEGIN"
    " INSERT INTO {w} ({w}, x_) VALUES (NEW.{w}, 1) ON CONFLICT (x_) DO UPDATE SET {w} = excluded.{w};"
    " UPDATE {w} SET {w} = {w}; DELETE FROM {w} WHERE {w}; SELECT {w} FROM {w}; END; UPDATE {q} SET {q} = 1",
)


def _takes(script):
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(script)
    except sqlite3.Error:
        return False
    return True


@pytest.mark.parametrize("name", [*NAMES, *map(str.upper, sorted(KEYWORDS)), "with space", "Straße", "İ", "\u0130x"])
def test_a_column_of_any_name_can_be_made(name):
    for written in (spell(name), quote(name)):
        connection = sqlite3.connect(":memory:")
        connection.execute(f"CREATE TABLE t ({written} INT)")
        assert [row[1] for row in connection.execute("PRAGMA table_info(t)")] == [name]


@effort(300)
@given(ANY)
def test_a_name_comes_back_from_the_way_it_is_written(name):
    (row,) = sqlite3.connect(":memory:").execute(f"SELECT 1 AS {spell(name)}").description
    assert row[0] == name
    for written in (spell(name), quote(name), canonical(name)):
        (token,) = lexer.tokens(written)
        assert fold(token.value) == fold(name)
        assert token.canonical() == canonical(name)


@pytest.mark.parametrize("name", sorted(word for word in KEYWORDS if is_plain(word)))
def test_a_keyword_that_is_left_bare_means_what_it_means_quoted(name):
    for place in PLACES:
        assert _takes(place.format(q=quote(name), w=quote(name))), place
        assert _takes(place.format(q=quote(name), w=name)), place


@pytest.mark.parametrize("name", sorted(word for word in KEYWORDS if not is_plain(word)))
def test_a_keyword_is_quoted_only_where_sqlite_needs_it(name):
    needed = not all(_takes(place.format(q=quote(name), w=name)) for place in PLACES)
    assert needed or name in ("filter", "over", "window")  # the following words decide what these mean


@effort(300)
@given(ANY.filter(lambda name: is_plain(name) and not fold(name).startswith("sqlite_")))
def test_a_plain_name_needs_no_quotes(name):
    for place in PLACES:
        assert _takes(place.format(q=quote(name), w=name)), place


@pytest.mark.parametrize("name", ["true", "FALSE", "", "1st", "$a", "a b", "a-b", 'a"b', "\ufeffa", "select", "with"])
def test_a_name_that_bare_would_mean_something_else_is_quoted(name):
    assert not is_plain(name)
    assert canonical(name) == quote(fold(name))
    assert spell(name) == quote(name)


@effort(200)
@given(ANY, ANY)
def test_names_are_one_where_sqlite_takes_them_for_one(left, right):
    for other in (right, left.upper(), left.lower(), left.casefold(), left.swapcase()):
        one = not _takes(f"CREATE TABLE t ({quote(left)}, {quote(other)})")
        assert one == (fold(left) == fold(other))


def test_a_nul_stands_in_no_name():
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


@given(ANY)
def test_every_name_has_a_key_in_the_file(name):
    assert not is_special(to_key(name))
    assert from_key(to_key(name)) == name


def test_one_underscore_is_ours_and_two_are_a_name():
    assert [key for key in ("_", "_a", "__", "__a", "a", "") if is_special(key)] == ["_", "_a"]
    assert names.to_key("_id") == "__id"
    assert names.from_key("__id") == "_id"
