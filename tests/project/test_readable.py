"""Rows that a changed model cannot read are found before anything is built, by reading them as a query would."""

import pytest

from tests.support.site import Site

NOTE = """
from django.db import models

class Upper(models.CharField):
    def from_db_value(self, value, expression, connection):
        if value is not None and value.islower():
            raise ValueError(value)
        return value

class Note(models.Model):
    text = models.CharField(max_length=40, null=True)
    tags = models.ManyToManyField("Tag")

class Tag(models.Model):
    name = models.CharField(max_length=40)
"""
ROWS = """
INSERT INTO shop_note (id, text) VALUES (1, NULL), (2, 'abc'), (3, '%s'), (4, 'abc');
"""
OLD = "text = models.CharField(max_length=40, null=True)"
CHANGED = {
    "models.UUIDField(null=True)": "0" * 31 + "7",
    "models.DecimalField(max_digits=8, decimal_places=2, null=True)": "7",
    "models.DateTimeField(null=True)": "2020-02-29 12:00:00",
    "models.DateField(null=True)": "2020-02-29",
    "models.TimeField(null=True)": "12:00:00",
    "models.DurationField(null=True)": "1000000",
    "models.IntegerField(choices=[(1, 'easy')], null=True)": "7",
    "models.FloatField(null=True)": "7.5",
    "models.BooleanField(null=True)": "1",
    "Upper(max_length=50, null=True)": "ABC",
}


@pytest.fixture(scope="module")
def _made(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("made") / "site", NOTE)
    site.done("schemasync", "--export")
    return site


@pytest.fixture
def site(_made, tmp_path):
    return _made.copy(tmp_path / "site")


def test_values_that_the_field_cannot_read_refuse_the_change_with_counts_and_keys(tmp_path):
    """There is a model for each kind of field, and all of them change at once."""
    head, _, rest = NOTE.partition("class Note(models.Model):")
    rest = "class Tag" + rest.partition("class Tag")[2]
    names = {f"Note{number}": field for number, field in enumerate(CHANGED)}

    def models(of):
        return head + "".join(f"class {name}(models.Model):\n    {of(name)}\n\n" for name in names) + rest

    site = Site(tmp_path / "site", models(lambda name: OLD))
    site.done("schemasync", "--export")
    for name, field in names.items():
        site.run_sql((ROWS % CHANGED[field]).replace("shop_note", f"shop_{name.lower()}"))
    site.models(models(lambda name: f"text = {names[name]}"))
    site.done("schemasync", "export")
    plan = site.manage("schemasync", "plan", "--json")
    found = [one for one in plan.json["hazards"] if one["code"] == "unreadable"]
    assert {(one["table"], one["column"], one["rows"], *one["keys"]) for one in found} == {
        (f"shop_{name.lower()}", "text", 2, "2", "4") for name in names
    }
    assert site.manage("schemasync").code == 3
    tables = [f"shop_{name.lower()}" for name in names]
    site.run_sql(";".join(f"DELETE FROM {table} WHERE text = 'abc'" for table in tables))
    site.done("schemasync", *(word for table in tables for word in ("--allow-drop", f"{table}.text")))
    read = f"import shop.models\nfor name in {list(names)}:\n"
    read += "    print([one.text for one in getattr(shop.models, name).objects.order_by('id')])"
    reported = site.python(read).splitlines()
    assert len(reported) == len(names)
    assert all(line.startswith("[None, ") for line in reported), reported


@pytest.mark.slow
def test_row_ids_are_no_uuids_and_the_tables_that_refer_to_them_are_asked_too(site):
    site.run_sql("INSERT INTO shop_tag (id, name) VALUES (7, 'x'); INSERT INTO shop_note (id) VALUES (1);")
    site.run_sql("INSERT INTO shop_note_tags (note_id, tag_id) VALUES (1, 7)")
    tag = "    id = models.UUIDField(primary_key=True, default=uuid.uuid4)\n    name"
    site.change(
        ("class Tag(models.Model):\n    name", f"class Tag(models.Model):\n{tag}"),
        ("from django.db", "import uuid\nfrom django.db"),
    )
    site.done("schemasync", "export")
    plan = site.manage("schemasync", "plan", "--json", "--allow-drop", "shop_tag.id")
    found = {(one["table"], one["column"]) for one in plan.json["hazards"] if one["code"] == "unreadable"}
    assert found == {("shop_tag", "id"), ("shop_note_tags", "tag_id")}


def test_what_a_fill_gives_is_read_as_well(site):
    site.run_sql("INSERT INTO shop_note (id) VALUES (1), (2)")
    site.change((OLD, f"{OLD}\n    key = models.UUIDField(null=True)"))
    site.done("schemasync", "export")
    text = site.schema.read_text()
    site.schema.write_text(text.replace('"key": "char(32)"', '"key": {"type": "char(32)", "fill": "\'no \' || id"}'))
    plan = site.manage("schemasync", "plan", "--json")
    assert [(one["code"], one["column"], one["rows"]) for one in plan.json["hazards"] if one["blocking"]] == [
        ("unreadable", "key", 2)
    ]


@pytest.mark.slow
def test_adopt_and_a_new_model_over_a_table_note_what_cannot_be_read(site, tmp_path):
    other = Site(tmp_path / "other", NOTE.replace(OLD, "text = models.UUIDField(null=True)"), flag=False)
    other.done("makemigrations", "shop")
    other.done("migrate")
    other.run_sql("INSERT INTO shop_note (text) VALUES ('abc'), (NULL)")
    other.settings(flag=True)
    ended = other.done("schemasync", "adopt")
    assert "shop_note.text: 1 row: values that the field of the model cannot read" in ended.err
    site.run_sql("CREATE TABLE shop_key (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, value char(32) NOT NULL)")
    site.run_sql("INSERT INTO shop_key (value) VALUES ('abc')")
    key = "\nclass Key(models.Model):\n    value = models.UUIDField()\n"
    (site.folder / "shop" / "models.py").write_text(NOTE + key)
    site.done("schemasync", "export")
    assert "shop_key.value: 1 row: values that the field of the model cannot read" in site.done("schemasync").out
