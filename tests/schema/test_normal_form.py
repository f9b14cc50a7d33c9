"""The normal form: a database that is built from a schema is read as that schema."""

from hypothesis import given
from hypothesis import strategies as st

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import validate_schema
from schemasync.schema import digest, lexer
from schemasync.schema.names import fold, from_key, is_special, upper_ascii

from .strategies import BLANKS, COMMENTS, Choices, trees
from .support import effort, rebuilt, schema, version


@effort(75)
@given(trees())
def test_a_database_reads_as_the_schema_that_it_was_built_from(tree):
    meant = schema(tree)
    validate_schema(meant, Opener())
    assert rebuilt(meant) == meant


@effort(40)
@given(trees())
def test_history_gives_back_the_schema_that_it_keeps(tree):
    meant = schema(tree)
    kept = digest.from_canonical(digest.canonical(meant))
    assert kept == meant
    assert digest.canonical(kept) == digest.canonical(meant)


@effort(40)
@given(trees())
def test_the_canonical_sql_says_the_same_to_sqlite(tree):
    meant = schema(tree)
    assert rebuilt(digest.from_canonical(digest.canonical(meant))) == meant


@effort(50)
@given(trees(), st.binary(min_size=300, max_size=2000))
def test_case_blanks_comments_and_quotes_never_move_the_version(tree, data):
    assert version(_respelled(tree, Choices(data))) == version(tree)


def _respelled(tree, c):
    """Return the tree with the same SQL in another spelling, and with its keys in another order where that has no
    meaning."""
    again = {}
    for name in c.shuffled(tree):
        body = tree[name]
        if name == "_views":
            again[name] = {view: _respelled_view(body[view], c) for view in c.shuffled(body)}
        elif "_virtual" in body:
            again[name] = body
        else:
            columns = [key for key in body if not is_special(key)]
            taken = {fold(from_key(key)) for key in columns}
            again[name] = {key: _sql(body[key], c) for key in columns}
            for key in c.shuffled([key for key in body if is_special(key)]):
                again[name][key] = _respelled_key(key, body[key], taken, c)
    return again


def _respelled_view(view, c):
    if isinstance(view, str):
        return _sql(view, c)
    triggers = {name: _sql(body, c) for name, body in view.get("triggers", {}).items()}
    return view | {"select": _sql(view["select"], c), "triggers": triggers}


def _respelled_key(key, value, columns, c):
    def entries(names):
        return [names_of(entry) for entry in names]

    def names_of(entry):
        return entry if fold(entry) in columns else _sql(entry, c)

    def index(item):
        match item:
            case str():
                return names_of(item)
            case list():
                return entries(item)
        found = item | {"columns": entries(item["columns"])}
        return found | ({"where": _sql(item["where"], c)} if "where" in item else {})

    match key:
        case "_primary_key":
            return entries(value)
        case "_indexes" | "_unique_constraints":
            return c.shuffled([index(item) for item in value])
        case "_checks":
            return c.shuffled([_sql(i, c) if isinstance(i, str) else i | {"check": _sql(i["check"], c)} for i in value])
        case "_constraints":
            return c.shuffled([_sql(item, c) for item in value])
        case "_foreign_keys":
            return c.shuffled(value)
        case "_triggers":
            return {name: _sql(value[name], c) for name in c.shuffled(value)}
        case _:
            return value


def _sql(text, c):
    """Return the same tokens with other blanks and comments, with words in another case and names in other quotes."""
    pieces, depth, before = [], 0, ""
    for token in lexer.tokens(text):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        spelled = token.text
        if before != "constraint" and token.kind is lexer.TokenKind.WORD:
            spelled = c.of([fold, upper_ascii, str])(spelled)
        elif before != "constraint" and token.kind is lexer.TokenKind.QUOTED:
            spelled = c.spelled(token.value)
        pieces += [spelled, c.of([*BLANKS, *COMMENTS] if depth and token.text != ")" else BLANKS)]
        before = token.word
    return "".join(pieces[:-1])
