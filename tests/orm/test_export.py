"""Models exported into schema.json: what changes, what stays, which questions it asks, and the sync that follows."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.diff.changes import describe
from schemasync.engines.sqlite.inspect import inspect
from schemasync.errors import Refused, SchemaInvalid
from schemasync.orm import export as exporting
from schemasync.orm.export_decisions import Decisions
from schemasync.orm.fills import NeedsFill
from schemasync.orm.merge import beyond
from schemasync.orm.models import Modelled
from schemasync.schema import document
from schemasync.schema.jsonc import scan
from schemasync.schema.names import fold, from_key
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

ID = "integer PRIMARY KEY AUTOINCREMENT"
NAME = "varchar(20) NOT NULL"


def to(table, column="id"):
    return f"bigint NOT NULL REFERENCES {table} ({column}) DEFERRABLE INITIALLY DEFERRED"


BOOK = {"_model": "shop.Book", "id": ID, "name": NAME}


def text_of(tree):
    return tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False, indent=2)


def loaded(text):
    return json.loads(scan(text).json)


def models(tree):
    """Return models with these tables."""
    labels = {fold(from_key(key)): body["_model"] for key, body in tree.items()}
    return Modelled(document.read(text_of(tree).encode()).schema, labels, {})


def export(file, meant, ask=None, **fills):
    """Export the models into a file; `fills` by the name of a column."""
    text = None if file is None else text_of(file)
    return exporting.export(text, models(meant), lambda table, column: fills.get(column), ask)


def tree(file, meant, ask=None, **fills):
    return loaded(export(file, meant, ask, **fills).text)


def book(*without, **columns):
    """Return the table of books without some columns, and with others added."""
    return {"book": {key: value for key, value in BOOK.items() if key not in without} | columns}


class Asked:
    """Gives one answer to all questions, and records them."""

    def __init__(self, answer):
        self.answer = answer
        self.questions = []
        self.last = []

    def __call__(self, question):
        self.questions.append(question.text)
        self.last.append(question.is_last)
        return self.answer


def refused(file, meant, **fills):
    """Return the problems of an export that may not ask questions."""
    with pytest.raises(Refused) as caught:
        export(file, meant, **fills)
    assert {problem.code for problem in caught.value.problems} == {"rename-or-drop"}
    return caught.value.problems


# --- changes, and text that stays --------------------------------------------------------------------------------


def test_without_a_file_all_models_are_written():
    assert tree(None, book()) == book()


def test_a_file_that_says_what_the_models_say_is_left_as_it_is():
    text = '{ // so\n "book" : {"_model":"shop.Book", "name":"varchar( 20 ) not null", // called\n "id":"integer primary key autoincrement",},}'
    text = text.replace('"name":"varchar( 20 ) not null", // called\n "id":"integer primary key autoincrement"',
                        '"id":"integer primary key autoincrement", "name":"varchar( 20 ) not null" // called\n')  # fmt: skip
    found = export(text, book())
    assert found.text == text
    assert not found.differs(text)
    assert not found.changes


def test_a_new_field_goes_to_the_end_of_its_table():
    meant = {"book": {"_model": "shop.Book", "id": ID, "pages": "integer", "name": NAME}}
    assert list(tree(book(), meant)["book"]) == ["_model", "id", "name", "pages"]


def test_columns_keep_the_order_that_the_file_gives_them():
    file = {"book": {"_model": "shop.Book", "name": NAME, "id": ID}}
    assert export(file, book()).text == text_of(file)
    assert list(tree(file, book(pages="integer"))["book"]) == ["_model", "name", "id", "pages"]


def test_a_removed_field_may_be_dropped_with_its_data():
    assert tree(book(pages="integer"), book())["book"] == {**BOOK, "_dropped": ["pages"]}


def test_a_field_that_comes_back_may_no_longer_be_dropped():
    file = {"book": {**BOOK, "_dropped": ["pages", "size"]}}
    assert tree(file, book(pages="integer"))["book"]["_dropped"] == ["size"]


def test_other_tables_and_comments_keep_every_byte():
    head, tail = '// ours\n{\n  "Mine" : { "id":"INTEGER" }, // mine\n', "\n}\n/* the end */\n"
    text = head + '  "book": ' + json.dumps(BOOK) + tail
    after = export(text, book(pages="integer")).text
    assert after.startswith(head)
    assert after.endswith(tail)


def test_hints_and_comments_of_a_table_outlive_an_export():
    said = {
        "_was": ["tome"],
        "_dropped": ["fax"],
        "_comment": "all of them",
        "_postgres": {"skip": ["book_log"]},
        "name": {
            "type": NAME,
            "was": ["title"],
            "fill": "trim(title)",
            "comment": "as on the cover",
            "postgres": "citext NOT NULL",
            "on_move": "clean",
        },
    }
    found = tree(book(**said), book(pages="integer"))["book"]
    assert {key: found[key] for key in said} == said


def test_what_the_author_keeps_beside_the_model_outlives_an_export():
    kept = {
        "_keep": ["shelf", "name", "book_by_shelf", "name_or_shelf"],
        "name": "varchar(20) NOT NULL COLLATE NOCASE DEFAULT '' CHECK (name <> 'x')",
        "shelf": "TEXT UNIQUE",
        "_indexes": [{"name": "book_by_shelf", "columns": ["shelf DESC"]}],
        "_checks": [{"name": "name_or_shelf", "check": "name <> shelf"}],
    }
    found = tree(book(**kept), book(pages="integer"))["book"]
    assert {key: found[key] for key in kept} == kept | {
        "name": "varchar(20) NOT NULL DEFAULT '' COLLATE NOCASE CHECK (name <> 'x')"
    }
    assert "_dropped" not in found


def test_what_nobody_keeps_is_what_the_model_says():
    more = {"name": NAME + " COLLATE NOCASE", "_indexes": ["name"], "_checks": ["id > 0"]}
    assert tree(book(**more), book())["book"] == BOOK


def test_triggers_stay_and_so_does_the_kind_of_table():
    own = {
        "_model": "shop.Book",
        "id": "text PRIMARY KEY",
        "pages": "integer",
        "_strict": True,
        "_without_rowid": True,
        "_triggers": {"counted": "AFTER INSERT ON book BEGIN SELECT 1; END"},
    }
    said = {"_model": "shop.Book", "id": "text PRIMARY KEY NOT NULL", "pages": "integer"}
    assert export({"book": own}, {"book": said}).text == text_of({"book": own})
    found = tree({"book": own}, {"book": {**said, "size": "integer"}})["book"]
    assert {key: found[key] for key in ("_strict", "_without_rowid", "_triggers")} == {
        key: own[key] for key in ("_strict", "_without_rowid", "_triggers")
    }


@pytest.mark.parametrize("name", ['a "b"', "größe ☃", "_id", "__id", "select", "a.b", "it's", "a, b (c)", "_model"])
def test_any_name_may_be_that_of_a_column_or_of_a_table(name):
    key = "_" + name if name.startswith("_") else name
    quoted = '"' + name.replace('"', '""') + '"'
    meant = {
        key: {
            "_model": "shop.Odd",
            "id": ID,
            key: f"integer CHECK ({quoted} >= 0)",
            "one_id": f"integer REFERENCES {quoted} (id)",
            "_indexes": [{"name": f"{name}_x", "columns": [name]}],
        }
    }
    text = export(None, meant).text
    assert document.read(text.encode()).schema == document.read(text_of(meant).encode()).schema
    assert export(text, meant).text == text
    dropped = {key: {"_model": "shop.Odd", "id": ID}}
    assert sorted(tree(text, dropped)[key]["_dropped"]) == sorted([name, "one_id"])
    assert tree(text, {})["_dropped"] == [name]


@pytest.mark.parametrize(("file", "model"), [("('c', 'a', 'b')", "('a', 'b', 'c')"), ("(2, -1)", "(-1, 2)")])
def test_the_order_inside_of_in_is_that_of_the_file(file, model):
    """The order of a Python set differs between processes."""

    def said(words):
        return {"book": {
            **BOOK,
            "kind": f"varchar(1) GENERATED ALWAYS AS (name IN {words})",
            "_checks": [{"name": "known", "check": f"name IN {words} OR id IN {words}"}],
            "_indexes": [{"name": "some", "columns": [f"(name IN {words})"], "where": f"name IN {words}", "unique": True}],
        }}  # fmt: skip

    assert export(said(file), said(model)).text == text_of(said(file))
    assert beyond(*(document.read(text_of(said(words)).encode()).schema.tables[0] for words in (model, file))) == ()


def test_other_words_inside_of_in_are_a_change():
    def said(words):
        return book(_checks=[{"name": "known", "check": f"name IN {words} AND id > 0"}])

    assert export(said("('a', 'b')"), said("('a', 'c')")).changes


# --- values for existing rows ------------------------------------------------------------------------------------


def test_a_new_field_that_must_not_be_null_is_filled_with_its_default():
    assert tree(book(), book(pages="integer NOT NULL"), pages="1")["book"]["pages"] == {
        "type": "integer NOT NULL",
        "fill": "1",
    }


def test_a_new_field_that_may_be_null_is_filled_where_it_has_a_default():
    """AddField does the same."""
    assert tree(book(), book(pages="integer"), pages="1")["book"]["pages"] == {"type": "integer", "fill": "1"}
    assert tree(book(), book(pages="integer"))["book"]["pages"] == "integer"


def test_a_default_that_is_a_function_is_asked_for_and_what_the_author_answers_stands():
    meant = book(token="varchar(40) NOT NULL UNIQUE")
    with pytest.raises(Refused) as caught:
        export(book(), meant, token=NeedsFill("shop.models.token"))
    (problem,) = caught.value.problems
    assert problem.code == "callable-default"
    assert problem.facts == {
        "file": "schema.json",
        "line": "2",
        "table": "book",
        "column": "token",
        "function": "shop.models.token",
    }
    hint = next(line for line in problem.hint.splitlines() if "randomblob" in line)
    key, _, entry = hint.partition("random text: ")[2].partition(": ")
    pasted = {"book": {**BOOK, json.loads(key): json.loads(entry)}}
    assert tree(pasted, meant, token=NeedsFill("shop.models.token")) == pasted


def test_a_field_that_may_be_null_is_asked_for_too_and_may_stay_null():
    with pytest.raises(Refused) as caught:
        export(book(), book(token="varchar(40)"), token=NeedsFill("shop.models.token"))
    assert '"fill": "NULL"' in caught.value.problems[0].hint


def test_a_field_that_may_no_longer_be_null_is_asked_for_where_its_default_is_a_function():
    with pytest.raises(Refused) as caught:
        export(book(token="varchar(40)"), book(token="varchar(40) NOT NULL"), token=NeedsFill("shop.models.token"))
    assert '"fill": "coalesce(token, lower(hex(randomblob(16))))"' in caught.value.problems[0].hint


def test_a_default_of_the_database_needs_no_fill():
    assert (
        tree(book(), book(pages="integer NOT NULL DEFAULT 3"), pages="1")["book"]["pages"]
        == "integer NOT NULL DEFAULT 3"
    )


def test_a_field_that_may_no_longer_be_null_is_filled_where_it_is():
    found = tree(book(pages="integer"), book(pages="integer NOT NULL"), pages="1")
    assert found["book"]["pages"] == {"type": "integer NOT NULL", "fill": "coalesce(pages, 1)"}


def test_a_field_that_may_no_longer_be_null_is_filled_with_the_database_s_default_where_it_has_one():
    found = tree(book(pages="integer"), book(pages="integer NOT NULL DEFAULT (1 + 2)"))
    assert found["book"]["pages"]["fill"] == "coalesce(pages, 1 + 2)"


def test_the_author_s_own_fill_stands():
    file = book(pages={"type": "integer", "fill": "coalesce(pages, id)"})
    assert tree(file, book(pages="integer NOT NULL"), pages="1")["book"]["pages"]["fill"] == "coalesce(pages, id)"


# --- a field under another name ----------------------------------------------------------------------------------

TITLED = {"book": {"_model": "shop.Book", "id": ID, "title": NAME}}


def test_a_renamed_field_is_asked_about_and_keeps_what_was_said_of_it():
    said = {"comment": "as on the cover", "postgres": "citext", "on_move": "clean"}
    file = book(name={"type": NAME, "was": ["label"], **said})
    ask = Asked(True)
    found = tree(file, TITLED, ask)["book"]
    assert ask.questions == ["Was shop.Book.name renamed to title?"]
    assert found["title"] == {"type": NAME, "was": ["name", "label"], **said}
    assert "_dropped" not in found


def test_a_field_that_was_not_renamed_is_one_less_and_one_more():
    found = tree(book(), TITLED, Asked(False), title="'?'")["book"]
    assert found["title"] == {"type": NAME, "fill": "'?'"}
    assert found["_dropped"] == ["name"]


def test_with_nobody_to_ask_a_renamed_field_is_refused_with_both_hints():
    """The hint contains the complete definition, as in Django's DDL."""
    meant = _inspected(f"CREATE TABLE book (id {ID}, title {NAME} UNIQUE CHECK (\"title\" > ''))")
    found = Modelled(meant, {"book": "shop.Book"}, {})
    file = book(name={"type": NAME + " UNIQUE CHECK (name > '')", "was": ["label"], "comment": "on the cover"})
    with pytest.raises(Refused) as caught:
        exporting.export(text_of(file), found, lambda *_: None)
    (problem,) = caught.value.problems
    assert problem.code == "rename-or-drop"
    renamed, dropped = problem.hint.splitlines()
    assert renamed.startswith('If renamed: in "book", add below "name", which the export then removes: "title": {')
    pasted = json.loads("{" + renamed.split("removes: ")[1] + "}")
    assert pasted["title"]["was"] == ["name", "label"]
    assert pasted["title"]["comment"] == "on the cover"
    assert dropped == "To drop it with the data: manage.py schemasync export --drop book.name"
    text = text_of({"book": {"_model": "shop.Book", "id": ID, **pasted}})
    assert exporting.export(text, found, lambda *_: None).text == text
    both = {**file, "book": {**file["book"], **pasted, "_indexes": ["name"]}}
    assert loaded(exporting.export(text_of(both), found, lambda *_: None).text) == loaded(text)
    gone = exporting.export(text_of(file), found, lambda *_: None, decisions=Decisions(drop=["book.name"])).text
    assert loaded(gone)["book"]["_dropped"] == ["name"]


def test_either_hint_pasted_is_taken():
    renamed = {"book": {"_model": "shop.Book", "id": ID, "title": {"type": NAME, "was": ["name"]}}}
    assert export(renamed, TITLED).text == text_of(renamed)
    dropped = {"book": {"_model": "shop.Book", "id": ID, "_dropped": ["name"]}}
    assert tree(dropped, TITLED)["book"] == {**TITLED["book"], "_dropped": ["name"]}


@pytest.mark.parametrize(
    "definition",
    [
        'integer unsigned NOT NULL CHECK ("{}" >= 0)',
        'text NOT NULL CHECK ((JSON_VALID("{}") OR "{}" IS NULL))',
        "varchar(20) NOT NULL UNIQUE",
        to("book"),
        "integer GENERATED ALWAYS AS (id + 1) STORED",
    ],
)
def test_a_renamed_field_is_known_by_all_kinds_of_definitions(definition):
    ask = Asked(True)
    new = tree(book(old=definition.replace("{}", "old")), book(new=definition.replace("{}", "new")), ask)["book"]["new"]
    assert ask.questions == ["Was shop.Book.old renamed to new?"]
    assert new["was"] == ["old"]


def test_a_field_of_another_type_is_no_rename():
    ask = Asked(True)
    assert tree(book(), book("name", pages="integer"), ask)["book"]["_dropped"] == ["name"]
    assert not ask.questions


def test_a_field_that_is_renamed_and_changed_at_once_is_asked_about():
    ask = Asked(True)
    file, meant = book(label="varchar(50) NOT NULL"), book(slug="varchar(70) NOT NULL UNIQUE", pages="integer")
    found = tree(file, meant, ask)["book"]
    assert ask.questions == ["Was shop.Book.label renamed to slug?"]
    assert found["slug"] == {"type": "varchar(70) NOT NULL UNIQUE", "was": ["label"]}
    assert "_dropped" not in found
    assert tree(file, meant, Asked(False))["book"]["_dropped"] == ["label"]
    similar = Asked(True)
    tree(book(price="integer"), book(price_eur="varchar(9)", pages="varchar(9)"), similar)
    assert similar.questions == ["Was shop.Book.price renamed to price_eur?"], "of another kind, but a similar name"


def test_at_most_three_names_are_asked_about_a_changed_field():
    ask = Asked(False)
    tree(book(label="text"), book(**{f"n{number}": "varchar(9)" for number in range(5)}), ask)
    assert ask.last == [False, False, True], "and only after the last one it is dropped"


def test_a_model_that_is_renamed_and_changed_at_once_is_asked_about():
    old = {"book": {**BOOK, "pages": "integer", "isbn": NAME}}
    new = {"tome": {**BOOK, "_model": "shop.Tome", "pages": "integer"}}
    ask = Asked(True)
    found = tree(old, new, ask)
    assert ask.questions == ["Was the model shop.Book renamed to shop.Tome?"]
    assert found["tome"]["_was"] == ["book"] and found["tome"]["_dropped"] == ["isbn"]
    other = Asked(True)
    tree(old, {"tome": {"_model": "shop.Tome", "id": ID, "pages": "integer", "x": NAME, "y": "text"}}, other)
    assert not other.questions, "less than half of the columns"


def test_the_export_of_a_pasted_rename_says_renamed():
    file = book(name=NAME, title={"type": NAME, "was": ["name"]})
    found = export(file, TITLED)
    assert [describe(change) for change in found.changes] == ["book: name -> title"]


def test_a_field_that_has_an_earlier_name_again_no_longer_says_that_it_was_that():
    file = {"book": {"_model": "shop.Book", "id": ID, "title": {"type": NAME, "was": ["name", "label"]}}}
    assert tree(file, book(), Asked(True))["book"]["name"]["was"] == ["title", "label"]


def test_a_spent_fill_does_not_go_on_under_the_new_name():
    """It would be a new hint there, and act once more: a price would be multiplied again."""
    file = book(price={"type": "integer", "fill": "price * 100"})
    assert tree(file, book(cents="integer"), Asked(True))["book"]["cents"] == {"type": "integer", "was": ["price"]}


def test_a_field_whose_name_changes_case_alone_is_the_same():
    found = tree(book(), {"book": {"_model": "shop.Book", "id": ID, "Name": NAME}})["book"]
    assert found == {"_model": "shop.Book", "id": ID, "Name": NAME}


# --- a table under another name, or gone -------------------------------------------------------------------------


def test_a_model_that_is_gone_may_be_dropped_with_its_data():
    found = tree({**book(), "Mine": {"id": "INTEGER"}, "_dropped": ["fax"]}, {})
    assert found == {"Mine": {"id": "INTEGER"}, "_dropped": ["fax", "book"]}


def test_a_model_that_comes_back_may_no_longer_be_dropped():
    assert tree({"_dropped": ["book", "fax"]}, book())["_dropped"] == ["fax"]
    assert "_dropped" not in tree({"_dropped": ["book"]}, book())


def test_a_table_whose_model_is_still_installed_is_not_dropped():
    """The model is now unmanaged, swapped out, or of another database: Django would keep its table, too."""
    file = {"book": {**BOOK, "_keep": ["name"], "_comment": "all"}}
    found = exporting.export(
        text_of(file), replace(models({"tome": TOME}), elsewhere=frozenset({"book"})), lambda *_: None
    )
    assert loaded(found.text) == {"book": {"id": ID, "name": NAME, "_comment": "all"}, "tome": TOME}
    assert found.released == ("book",)


TOME = {"_model": "shop.Tome", "id": ID, "name": NAME}


def test_a_renamed_model_is_asked_about():
    ask = Asked(True)
    file = {"book": {**BOOK, "_comment": "all", "_triggers": {"x": "AFTER INSERT ON book BEGIN SELECT 1; END"}}}
    assert tree(file, {"tome": TOME}, ask) == {
        "tome": {
            **TOME,
            "_was": ["book"],
            "_comment": "all",
            "_triggers": {"x": "AFTER INSERT ON tome BEGIN SELECT 1; END"},
        }
    }
    assert ask.questions == ["Was the model shop.Book renamed to shop.Tome?"]


def test_a_model_that_was_renamed_together_with_a_field_is_asked_about():
    ask = Asked(True)
    found = tree(book(), {"tome": {"_model": "shop.Tome", "id": ID, "title": NAME}}, ask)
    assert ask.questions == ["Was the model shop.Book renamed to shop.Tome?", "Was shop.Tome.name renamed to title?"]
    assert found["tome"]["title"]["was"] == ["name"]


def test_models_and_fields_that_were_all_renamed_at_once_are_asked_about_one_by_one():
    meant = {
        "shop_person": {"_model": "shop.Person", "id": ID, "loved_id": to("shop_tome")},
        "shop_tome": {"_model": "shop.Tome", "id": ID, "title": NAME},
        "shop_tome_people": {"_model": "shop.Tome_people", "id": ID, "tome_id": to("shop_tome"), "person_id": to("shop_person")},
        "shop_tome_like": {"_model": "shop.Tome_like", "id": ID, "from_tome_id": to("shop_tome"), "to_tome_id": to("shop_tome")},
    }  # fmt: skip
    ask = Asked(True)
    found = tree(library("Book", "book"), meant, ask)
    assert {name: body["_was"] for name, body in found.items()} == {
        "shop_person": ["shop_reader"],
        "shop_tome": ["shop_book"],
        "shop_tome_people": ["shop_book_readers"],
        "shop_tome_like": ["shop_book_like"],
    }
    assert "dropped" not in json.dumps(found)
    assert len(ask.questions) == 5  # three models, and the two fields that are not named after a model


def test_a_question_that_was_denied_is_not_put_again():
    ask = Asked(False)
    tree({**book(), "tome": TOME}, {"atlas": {**BOOK, "_model": "shop.Atlas"}, "tome": TOME}, ask)
    assert ask.questions == ["Was the model shop.Book renamed to shop.Atlas?"]


def test_a_model_that_was_not_renamed_is_one_less_and_one_more():
    assert tree(book(), {"tome": TOME}, Asked(False)) == {"tome": TOME, "_dropped": ["book"]}


def test_with_nobody_to_ask_a_renamed_model_is_refused_with_both_hints():
    (problem,) = refused(book(), {"tome": TOME})
    renamed, dropped = problem.hint.splitlines()
    assert renamed == 'If renamed: in "book" of schema.json, "_model": "shop.Tome"'
    assert dropped == "To drop it with the data: manage.py schemasync export --drop book"
    pasted = {"tome": {**TOME, "_was": ["book"]}}
    assert export(pasted, {"tome": TOME}).text == text_of(pasted)


def test_the_label_alone_says_that_a_model_was_renamed_whatever_refers_to_it():
    loan = {"_model": "shop.Loan", "id": ID, "of_id": to("book")}
    reported = {"book": {**book()["book"], "_model": "shop.Tome"}, "loan": loan}
    found = tree(reported, {"tome": TOME, "loan": {**loan, "of_id": to("tome")}})
    assert found["tome"]["_was"] == ["book"]
    assert found["loan"]["of_id"] == to("tome")


def test_a_model_that_moved_to_another_app_is_asked_about():
    ask = Asked(True)
    assert tree(book(), {"press_book": {**BOOK, "_model": "press.Book"}}, ask)["press_book"]["_was"] == ["book"]
    assert ask.questions == ["Was the model shop.Book renamed to press.Book?"]


def test_another_db_table_of_the_same_model_needs_no_question():
    found = export(book(), {"books": BOOK})
    assert loaded(found.text) == {"books": {**BOOK, "_was": ["book"]}}


def test_the_same_model_is_certain_before_one_that_is_only_like_it():
    """`atlas` is new and comes first by name; it has the columns that `book` had."""
    found = tree(book(), {"atlas": {**BOOK, "_model": "shop.Atlas"}, "books": BOOK})
    assert found["books"]["_was"] == ["book"]
    assert "_was" not in found["atlas"]


def test_models_that_exchange_their_tables_keep_their_own(tmp_path):
    pages = {"_model": "shop.Tome", "id": ID, "pages": "integer"}
    site = Site(tmp_path, {**book(), "tome": pages}, TWO + "; INSERT INTO tome VALUES (7, 70)")
    assert site.change({"book": pages, "tome": BOOK}) == "synced"
    assert site.rows("SELECT id, name FROM tome") == [(1, "Emma"), (2, "Ulysses")]
    assert site.rows("SELECT id, pages FROM book") == [(7, 70)]


def test_rows_of_a_model_that_is_gone_are_not_taken_for_those_of_one_that_moved_to_its_table(tmp_path):
    """The sync refuses, so that the rows of neither model are lost silently."""
    site = Site(tmp_path, {**book(), "tome": TOME}, TWO + "; INSERT INTO tome VALUES (7, 'Dune')")
    with pytest.raises(Refused, match='"book"'):
        site.change({"tome": BOOK})
    assert site.rows("SELECT name FROM tome") == [("Dune",)]


def test_a_table_that_is_the_author_s_is_not_taken_by_a_model_that_moves_to_its_name():
    mine = {"id": "INTEGER PRIMARY KEY", "mine": "TEXT"}
    with pytest.raises(Refused) as caught:
        export({**book(), "mine": mine}, {"mine": BOOK})
    assert [problem.code for problem in caught.value.problems] == ["unclaimed-table"]


def test_a_certain_rename_asks_nothing_of_other_tables_that_are_gone():
    ask = Asked(True)
    found = tree({**book(), "tome": TOME}, {"books": BOOK}, ask)
    assert not ask.questions
    assert found == {"books": {**BOOK, "_was": ["book"]}, "_dropped": ["tome"]}


def test_a_table_whose_name_changes_case_alone_is_the_same():
    assert tree(book(), {"Book": BOOK}) == {"Book": BOOK}


def test_the_same_table_under_another_model_is_reported_and_is_no_change_of_the_database():
    found = export(book(), {"book": TOME})
    assert loaded(found.text) == {"book": TOME}
    assert found.relabelled == ("book",)
    assert not found.changes


# --- tables of models that have no _model yet --------------------------------------------------------------------

UNMARKED = {"id": ID, "name": NAME}


def claimed(file, meant, ask=None, drop=(), **fills):
    decisions = Decisions(drop=drop, claim=True)
    text = text_of(file)
    return exporting.export(text, models(meant), lambda table, column: fills.get(column), ask, decisions=decisions)


def test_a_table_without_model_that_says_what_the_model_says_is_left_alone_and_reported():
    more = {
        "shelf": "TEXT",
        "name": f"{NAME} COLLATE NOCASE",
        "_triggers": {"t": "AFTER INSERT ON book BEGIN SELECT 1; END"},
    }
    file = {"book": {**UNMARKED, **more}}
    found = export(file, book())
    assert found.text == text_of(file)
    assert found.untold == ("book",)


@pytest.mark.parametrize(
    ("here", "columns"),
    [
        ({}, {"pages": "integer"}),
        ({"name": "varchar(10) NOT NULL"}, {}),
        ({"shelf": "integer NOT NULL"}, {}),
        ({}, {"_indexes": [{"name": "by_name", "columns": ["name"]}]}),
    ],
    ids=["a new field", "a longer field", "a field that is gone and that every row needs", "a new index"],
)
def test_a_table_without_model_that_is_not_what_its_model_says_is_refused_with_both_ways_out(here, columns):
    with pytest.raises(Refused) as caught:
        export({"book": {**UNMARKED, **here}}, book(**columns))
    (problem,) = caught.value.problems
    assert problem.code == "unclaimed-table"
    assert "manage.py schemasync export --claim" in problem.hint
    assert "managed = False in the Meta of shop.Book" in problem.hint


def test_a_claim_marks_a_table_and_leaves_every_other_byte_of_it():
    text = '{ // mine\n "book" : { // of books\n  "id":"integer primary key autoincrement", "name":"varchar( 20 ) not null" /* so */ },\n}'
    found = claimed(text, book())
    assert found.text == text.replace("{ // of books", '{\n    "_model": "shop.Book", // of books')
    assert found.claimed == ("book",)
    assert not found.changes
    assert claimed(found.text, book()).text == found.text, "once is enough"


def test_a_claim_loses_nothing_that_the_table_has_beyond_its_model():
    more = {"shelf": "TEXT", "_indexes": [{"name": "by_shelf", "columns": ["shelf"]}]}
    found = claimed({"book": {**UNMARKED, **more, "name": f"{NAME} COLLATE NOCASE"}}, book(pages="integer"))
    after = loaded(found.text)["book"]
    assert after["_keep"] == ["name", "shelf", "by_shelf"]
    assert after["_indexes"] == more["_indexes"]
    assert [key for key in after if not key.startswith("_")] == ["id", "name", "shelf", "pages"]
    assert "_dropped" not in after
    assert not export(found.text, book(pages="integer")).differs(found.text)


def test_a_claim_asks_for_a_renamed_column_as_any_export_does():
    file, meant = {"book": {"id": ID, "title": NAME}}, book()
    with pytest.raises(Refused) as caught:
        claimed(file, meant)
    assert "rename-or-drop" in {problem.code for problem in caught.value.problems}
    after = loaded(claimed(file, meant, Asked(True)).text)["book"]
    assert after == {"_model": "shop.Book", "id": ID, "name": {"type": NAME, "was": ["title"]}}
    after = loaded(claimed(file, meant, drop=["book.title"]).text)["book"]
    assert after == {"_model": "shop.Book", "_dropped": ["title"], "id": ID, "name": NAME}


def test_a_claim_refuses_a_column_that_would_stop_every_insert():
    file = {"book": {**UNMARKED, "shelf": "integer NOT NULL"}}
    with pytest.raises(Refused) as caught:
        claimed(file, book())
    (problem,) = caught.value.problems
    assert "--claim --drop book.shelf" in problem.hint
    assert loaded(claimed(file, book(), drop=["book.shelf"]).text)["book"]["_dropped"] == ["shelf"]


def test_a_claim_adds_to_what_the_table_keeps_already():
    after = loaded(claimed({"book": {"_keep": ["lost"], **UNMARKED, "shelf": "TEXT"}}, book()).text)["book"]
    assert (after["_model"], after["_keep"]) == ("shop.Book", ["lost", "shelf"])


def test_a_virtual_table_is_its_author_s_whatever_a_model_says():
    file = {"book": {"_virtual": "fts5(name)"}}
    for found in (export(file, book()), claimed(file, book())):
        assert found.text == text_of(file)
        assert found.untold == ("book",)


def test_a_model_that_was_renamed_since_its_table_got_no_mark_is_not_made_anew_beside_its_rows():
    """The site would continue with an empty table."""
    file = {"shop_book": {**UNMARKED, "shelf": "TEXT"}, "other_book": UNMARKED}
    meant = {"shop_tome": {"_model": "shop.Tome", "id": ID, "name": NAME, "shelf": "varchar(3)"}}
    assert "shop_tome" in tree(file, meant), "no table of this app is like it"
    file["shop_book"]["shelf"] = "varchar(3) COLLATE NOCASE"
    with pytest.raises(Refused) as caught:
        export(file, meant)
    (problem,) = caught.value.problems
    marked, left = problem.hint.splitlines()
    assert marked == 'If renamed: in "shop_book" of schema.json, "_model": "shop.Tome", "_keep": ["shelf"]'
    assert left.endswith("export --drop shop_book")
    pasted = {**file, "shop_book": {**json.loads(f"{{{marked.partition(', ')[2]}}}"), **file["shop_book"]}}
    after = tree(pasted, meant)
    assert after["shop_tome"]["_was"] == ["shop_book"]
    assert "NOCASE" in after["shop_tome"]["shelf"]
    kept = exporting.export(text_of(file), models(meant), lambda *_: None, decisions=Decisions(drop=["shop_book"]))
    assert loaded(kept.text)["shop_book"] == file["shop_book"]
    assert "_dropped" not in loaded(kept.text)


def library(model, table):
    """Return the tables of a model with a many-to-many field to itself and one to readers, as Django makes them."""
    return {
        "shop_reader": {"_model": "shop.Reader", "id": ID, "favourite_id": to(f"shop_{table}")},
        f"shop_{table}": {"_model": f"shop.{model}", "id": ID, "name": NAME},
        f"shop_{table}_readers": {
            "_model": f"shop.{model}_readers",
            "id": ID,
            f"{table}_id": to(f"shop_{table}"),
            "reader_id": to("shop_reader"),
            "_indexes": [{"name": f"{table}_uniq", "columns": [f"{table}_id", "reader_id"], "unique": True}],
        },
        f"shop_{table}_like": {
            "_model": f"shop.{model}_like",
            "id": ID,
            f"from_{table}_id": to(f"shop_{table}"),
            f"to_{table}_id": to(f"shop_{table}"),
        },
    }


def test_the_through_tables_of_a_renamed_model_follow_it_without_a_question():
    ask = Asked(True)
    found = tree(library("Book", "book"), library("Tome", "tome"), ask)
    assert ask.questions == ["Was the model shop.Book renamed to shop.Tome?"]
    _has_followed(found)
    assert found["shop_tome"]["_was"] == ["shop_book"]


def test_a_column_that_is_called_by_the_model_it_refers_to_follows_when_that_is_renamed():
    """The other side of a many-to-many field, and the link to a parent, in any order."""
    file = {**book(), "loan": {"_model": "shop.Loan", "id": ID, "book_id": to("book"), "book_ptr_id": to("book")}}
    meant = {"tome": TOME, "loan": {"_model": "shop.Loan", "id": ID, "tome_ptr_id": to("tome"), "tome_id": to("tome")}}
    ask = Asked(True)
    found = tree(file, meant, ask)["loan"]
    assert ask.questions == ["Was the model shop.Book renamed to shop.Tome?"]
    assert [found[name]["was"] for name in ("tome_id", "tome_ptr_id")] == [["book_id"], ["book_ptr_id"]]


def test_the_through_tables_follow_a_model_that_was_renamed_by_hand_in_the_file():
    file = library("Book", "book")
    file["shop_tome"] = {**library("Tome", "tome")["shop_tome"], "_was": ["shop_book"]}
    del file["shop_book"]
    text = text_of(file).replace("REFERENCES shop_book ", "REFERENCES shop_tome ")
    _has_followed(tree(text, library("Tome", "tome")))


def _has_followed(found):
    assert found["shop_tome_readers"]["_was"] == ["shop_book_readers"]
    assert found["shop_tome_readers"]["tome_id"]["was"] == ["book_id"]
    assert found["shop_tome_like"]["from_tome_id"]["was"] == ["from_book_id"]
    assert found["shop_tome_like"]["to_tome_id"]["was"] == ["to_book_id"]
    assert "dropped" not in json.dumps(found)


def test_a_model_that_refers_to_a_table_that_is_not_in_the_file_is_refused():
    with pytest.raises(SchemaInvalid, match="not in the schema"):
        exporting.export(
            "{}",
            Modelled(_inspected('CREATE TABLE book (id integer PRIMARY KEY, o integer REFERENCES "elsewhere" (id))'),
                     {"book": "shop.Book"}, {}),
            lambda table, column: None,
        )  # fmt: skip


def _inspected(sql):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)
        return inspect(connection).schema


# --- with a sync -------------------------------------------------------------------------------------------------


class Site:
    """A schema.json and its database."""

    def __init__(self, folder, meant, rows):
        self.target = target(folder / "db.sqlite3")
        self.text = export(None, meant).text
        sync(self.target, document.read(self.text.encode()))
        with closing(sqlite3.connect(self.target.layout.link)) as connection:
            connection.executescript(rows)

    def change(self, meant, ask=None, **fills):
        self.text = export(self.text, meant, ask, **fills).text
        assert export(self.text, meant, **fills).text == self.text
        return sync(self.target, document.read(self.text.encode())).result

    def rows(self, query):
        with closing(sqlite3.connect(self.target.layout.link)) as connection:
            return connection.execute(query).fetchall()


TWO = "INSERT INTO book (id, name) VALUES (1, 'Emma'), (2, 'Ulysses')"


def test_a_renamed_field_keeps_its_data_through_a_sync(tmp_path):
    site = Site(tmp_path, book(), TWO)
    assert site.change(TITLED, Asked(True)) == "synced"
    assert site.rows("SELECT id, title FROM book") == [(1, "Emma"), (2, "Ulysses")]


def test_a_new_field_fills_the_rows_that_are_there_once(tmp_path):
    site = Site(tmp_path, book(), TWO)
    site.change(book(pages="integer NOT NULL"), pages="7")
    with closing(sqlite3.connect(site.target.layout.link)) as connection:
        connection.execute("UPDATE book SET pages = 9 WHERE id = 1")
        connection.commit()
    site.change(book(pages="bigint NOT NULL"), pages="7")
    assert site.rows("SELECT id, pages FROM book") == [(1, 9), (2, 7)]


def test_a_field_that_may_no_longer_be_null_keeps_the_values_it_has(tmp_path):
    site = Site(tmp_path, book(pages="integer"), TWO + "; UPDATE book SET pages = 5 WHERE id = 1")
    site.change(book(pages="integer NOT NULL"), pages="0")
    assert site.rows("SELECT id, pages FROM book") == [(1, 5), (2, 0)]


def test_a_renamed_model_takes_its_rows_and_those_of_its_through_tables_along(tmp_path):
    site = Site(
        tmp_path,
        library("Book", "book"),
        "INSERT INTO shop_book (id, name) VALUES (1, 'Emma'); INSERT INTO shop_reader VALUES (5, 1);"
        "INSERT INTO shop_book_readers VALUES (3, 1, 5); INSERT INTO shop_book_like VALUES (4, 1, 1)",
    )
    site.change(library("Tome", "tome"), Asked(True))
    assert site.rows("SELECT * FROM shop_tome") == [(1, "Emma")]
    assert site.rows("SELECT * FROM shop_reader") == [(5, 1)]
    assert site.rows("SELECT id, tome_id, reader_id FROM shop_tome_readers") == [(3, 1, 5)]
    assert site.rows("SELECT id, from_tome_id, to_tome_id FROM shop_tome_like") == [(4, 1, 1)]


def test_a_field_renamed_after_a_fill_is_not_filled_again(tmp_path):
    site = Site(tmp_path, book(price="integer"), TWO + "; UPDATE book SET price = 2")
    site.text = site.text.replace('"price": "integer"', '"price": {"type": "bigint", "fill": "price * 100"}')
    sync(site.target, document.read(site.text.encode()))
    site.change(book(cents="bigint"), Asked(True))
    assert site.rows("SELECT cents FROM book") == [(200,), (200,)]


def test_a_removed_field_and_a_removed_model_go(tmp_path):
    site = Site(tmp_path, {**book(pages="integer"), "tome": TOME}, TWO)
    site.change(book())
    assert site.rows("SELECT name FROM sqlite_schema WHERE name IN ('tome', 'book')") == [("book",)]
    assert site.rows("SELECT * FROM book") == [(1, "Emma"), (2, "Ulysses")]


# --- mixins ------------------------------------------------------------------------------------------------------

STAMPED = {
    "_mixins": {"stamped": {"at": "datetime", "_indexes": ["at"], "_triggers": {"{table}_t": "AFTER INSERT ON {table} BEGIN SELECT 1; END"}}},
}  # fmt: skip


def test_what_mixins_add_to_a_model_s_table_stays_and_is_never_written_out():
    file = {**STAMPED, "_use_everywhere": ["stamped"], **book()}
    assert export(file, book()).text == text_of(file)
    found = tree(file, book(pages="integer"))
    assert found == {**STAMPED, "_use_everywhere": ["stamped"], **book(pages="integer")}
    file = {**STAMPED, "book": {**BOOK, "_use": ["stamped"]}}
    exported = export(file, book(pages="integer"))
    assert loaded(exported.text) == {**STAMPED, "book": {**BOOK, "_use": ["stamped"], "pages": "integer"}}
    assert [describe(change) for change in exported.changes] == ["book: +pages"]


def test_a_field_may_stand_for_a_column_of_a_mixin():
    file = {**STAMPED, "book": {**BOOK, "_use": ["stamped"]}}
    exported = export(file, book(at="datetime NULL"))
    assert loaded(exported.text)["book"] == {**BOOK, "_use": ["stamped"], "at": "datetime"}
    assert exported.changes == ()
    assert export(exported.text, book(at="datetime NULL")).text == exported.text


def test_a_field_that_defines_a_column_of_a_mixin_otherwise_is_refused_with_both():
    with pytest.raises(SchemaInvalid) as caught:
        export({**STAMPED, "book": {**BOOK, "_use": ["stamped"]}}, book(at="text"))
    assert 'book.at is "text" in the file itself and "datetime" in the mixin "stamped"' in str(caught.value)


def test_a_renamed_model_s_table_keeps_its_mixins_and_their_parts_follow():
    file = {**STAMPED, "book": {**BOOK, "_use": ["stamped"]}}
    exported = export(file, {"volume": {**BOOK, "_model": "shop.Book"}})
    assert loaded(exported.text)["volume"]["_use"] == ["stamped"]
    (table,) = document.read(exported.text.encode()).schema.tables
    assert [trigger.name for trigger in table.triggers] == ["volume_t"]


def test_the_rows_of_a_model_s_table_stay_when_the_model_changes():
    rows = [{"id": 1, "name": "first"}]
    found = tree({"book": {**BOOK, "_rows": rows}}, book(pages="integer"))
    assert found["book"] == {**BOOK, "_rows": rows, "pages": "integer"}
