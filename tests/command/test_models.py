"""manage.py schemasync models: models.py from schema.json."""

import json
import sqlite3

import pytest

SHOP = """{
  "customers": {
    "_comment": "Who buys.",
    "id": "INTEGER PRIMARY KEY",
    "name": {"type": "TEXT NOT NULL", "comment": "as on the invoice"},
    "tier": "TEXT NOT NULL DEFAULT 'basic' CHECK (tier IN ('basic', 'on hold'))"
  },
  "orders": {
    "id": "INTEGER PRIMARY KEY",
    "customer_id": "INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE",
    "total": "INTEGER NOT NULL CHECK (total > 0)",
    "_triggers": {"no_update": "BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'no'); END"}
  },
  "_views": {"big_orders": {"select": "SELECT id, total FROM orders WHERE total > 100", "comment": "worth a call"}}
}
"""
MINE = '"""Models."""\nimport os\n\nfrom django.db import models\n\nX = os.name   # mine\n'


@pytest.fixture
def shop(project):
    project.schema.write_text(SHOP)
    return project


@pytest.fixture
def file(shop):
    return shop.folder / "models.py"


def test_models_are_printed_with_what_they_do_not_express_on_stderr(shop):
    done = shop.done("models")
    for line in (
        "class Customer(models.Model):",
        '    """Who buys."""',
        '    name = models.TextField(help_text="as on the invoice")',
        '        ON_HOLD = "on hold"',
        "    total = models.IntegerField(validators=[MinValueValidator(1)])",
        "class BigOrder(models.Model):",
    ):
        assert f"\n{line}\n" in done.out
    assert "triggers: orders.no_update" in done.err
    assert "# - triggers: orders.no_update" in done.out


def test_a_file_is_written_once_and_a_second_run_changes_nothing(shop, file):
    assert "models.py: 3 models" in shop.done("models", output=file).out
    before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
    assert "has the models of the schema" in shop.done("models", output=file).out
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_check_exits_with_1_if_the_file_would_change_and_writes_nothing(shop, file):
    assert shop.call("models", output=file, check=True).code == 1
    assert not file.exists()
    shop.done("models", output=file)
    assert shop.call("models", output=file, check=True).code == 0
    before = file.read_bytes()
    shop.schema.write_text(SHOP.replace("total > 0", "total > 1"))
    ended = shop.call("models", output=file, check=True)
    assert ended.code == 1
    assert f"manage.py schemasync models -o {file}" in ended.err
    assert file.read_bytes() == before


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
def test_code_around_the_block_stays_byte_for_byte_when_the_schema_changes(shop, file, newline):
    file.write_bytes(MINE.replace("\n", newline).encode())
    shop.done("models", output=file)
    more = newline * 3 + "class Mine(models.Model):" + newline + "    a=models.TextField(  )" + newline
    file.write_bytes(file.read_bytes() + more.encode())
    shop.done("models", output=file)
    shop.schema.write_text(
        SHOP.replace('"id": "INTEGER PRIMARY KEY",', '"id": "INTEGER PRIMARY KEY", "note": "TEXT",', 1)
    )
    shop.done("models", output=file)
    text = file.read_bytes().decode()
    assert text.count("X = os.name   # mine") == 1
    assert text.endswith(more)
    assert text.count("from django.db import models" + newline) == 1, "the file imports it already"
    assert "note = models.TextField(null=True, blank=True)" in text
    assert "\n" not in text.replace("\r\n", "") or newline == "\n"
    assert shop.call("models", output=file, check=True).code == 0


def test_the_file_keeps_its_permissions_and_a_link_stays_one(shop, file):
    real = shop.folder / "real.py"
    real.write_text(MINE)
    real.chmod(0o640)
    file.symlink_to("real.py")
    shop.done("models", output=file)
    assert file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "class Customer(" in real.read_text()


def test_the_models_of_two_schemas_stand_in_one_file_and_neither_run_changes_the_others(shop, file):
    other = shop.write(
        {"notes": {"id": "INTEGER PRIMARY KEY", "at": "TEXT NOT NULL DEFAULT (lower('A'))"}}, "notes.json"
    )
    shop.done("models", output=file)
    shop.done("models", output=file, schema=other)
    text = file.read_text()
    assert text.count("from django.db import models\n") == 2
    assert text.index("end: models of schema.json") < text.index("begin: models of notes.json")
    for schema in (shop.schema, other):
        assert shop.call("models", output=file, schema=schema, check=True).code == 0
    shop.schema.write_text('{"a": {"id": "INTEGER PRIMARY KEY"}}')
    shop.done("models", output=file)
    assert "class Note(models.Model)" in file.read_text()
    compile(file.read_text(), "models.py", "exec")
    assert shop.call("models", output=file, schema=other, check=True).code == 0


@pytest.mark.parametrize(
    "broken", ["def (:\n", "# --- begin: models of schema.json ---\n", "x = '\0'\n"], ids=["syntax", "mark", "nul"]
)
def test_a_file_that_is_not_python_or_has_one_mark_is_refused_and_stays(shop, file, broken):
    file.write_text(broken)
    ended = shop.call("models", output=file, json=True)
    assert ended.code == 3
    assert [one["code"] for one in ended.json["errors"]] == ["output-exists"]
    assert file.read_text() == broken


def test_a_folder_and_a_text_in_another_encoding_are_refused(shop, file):
    assert shop.call("models", output=shop.folder).code == 3
    file.write_bytes("# é\n".encode("latin-1"))
    assert shop.call("models", output=file).code == 3


def test_the_app_must_be_installed_and_check_needs_a_file(shop):
    assert shop.call("models", app="nope").code == 2
    assert shop.call("models", check=True).code == 2


def test_a_schema_that_sqlite_refuses_writes_no_models(shop, file):
    shop.schema.write_text('{"t": {"a": "TEXT CHECK (nope(a))"}}')
    assert shop.call("models", output=file).code == 3
    assert not file.exists()


def test_the_json_has_the_text_or_the_file(shop, file):
    printed = shop.done("models", json=True).json
    assert printed["result"] == "printed"
    assert printed["file"] is None
    assert printed["models"][0] == {"model": "BigOrder", "table": "big_orders"}
    assert {"what": "triggers", "where": "orders.no_update"} in printed["not_expressed"]
    assert shop.done("models", output=file, json=True).json["result"] == "written"
    assert file.read_text().replace(" -o models.py", "") == printed["text"]
    assert shop.done("models", output=file, json=True).json["text"] is None


def test_no_database_is_opened_or_made(shop, file):
    shop.done("models", output=file)
    assert sorted(path.name for path in shop.folder.glob("*sqlite3*")) == []


def test_tables_with_a_model_are_left_out_and_no_name_is_taken_from_sqlite(project):
    project.write({"a": {"_model": "gone.A", "id": "INTEGER"}, "b": {"a": "INTEGER PRIMARY KEY", "b": "ANY"}})
    found = project.done("models", json=True).json
    assert [one["table"] for one in found["models"]] == ["b"]
    assert sqlite3.sqlite_version_info >= (3, 37)
    assert json.dumps(found)
