"""A project that lived on migrations lives on schema.json, and keeps everything in its database."""

import shutil

import pytest

from .test_commands import WEIGHT


@pytest.fixture
def handmade(_handmade, tmp_path):
    """A project that lives on migrations, with objects in its database that no model names; the flag is off."""
    site = _handmade.copy(tmp_path / "site")
    site.settings(flag=False)
    return site


def gates(site):
    """Return the exit codes of the checks of CI and start scripts."""
    asked = (["makemigrations", "--check"], ["migrate", "--check"], ["schemasync", "check"])
    return [site.manage(*command).code for command in asked]


def marks(text):
    return text.count('"_model": ')


def unmarked(site):
    """Remove `_model` from schema.json, as an earlier release or a person would write the tables of models."""
    lines = site.schema.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.strip().startswith(('"_model"', '"_keep"')))
    site.schema.write_text(text.replace('"_keep": ["legacy", "raw_part"],', "") + "\n")


@pytest.mark.slow
def test_adopted_before_the_flag_is_on_its_models_own_their_tables_all_the_same(handmade):
    handmade.done("schemasync", "adopt")
    text = handmade.schema.read_text()
    assert '"_model": "shop.Tag"' in text
    assert '"_keep": ["legacy", "raw_part"]' in text
    handmade.settings(flag=True)
    assert gates(handmade) == [0, 0, 0]
    handmade.change(WEIGHT)
    assert gates(handmade) == [1, 1, 1]
    handmade.done("makemigrations")
    handmade.done("migrate")
    assert handmade.rows("SELECT weight FROM shop_tag") == [(3,)]
    assert handmade.rows("SELECT legacy FROM shop_customer") == [("kept",)]


@pytest.mark.slow(but=["True"])
@pytest.mark.parametrize("flag", [False, True])
def test_inspect_writes_what_adopt_would(handmade, flag):
    handmade.settings(flag=flag)
    handmade.done("schemasync", "inspect", "db.sqlite3", "-o", "seen.json")
    reported = handmade.done("schemasync", "inspect", "db.sqlite3", "--json").json
    handmade.done("schemasync", "adopt")
    text = handmade.schema.read_text()
    assert marks(text) > 9
    assert text.partition("\n")[2] == (handmade.folder / "seen.json").read_text(), "but for the comment at its top"
    assert reported["schema"]["shop_tag"]["_model"] == "shop.Tag"
    handmade.settings(flag=True)
    handmade.schema.write_text((handmade.folder / "seen.json").read_text())
    assert gates(handmade) == [0, 0, 0]


@pytest.mark.slow
def test_a_file_in_which_no_model_owns_its_table_is_no_green_light_for_a_site_that_fails(adopted):
    """The file has no `_model`, as a foreign one may have, and the models have changed since."""
    unmarked(adopted)
    before = adopted.schema.read_text()
    assert marks(before) == 0
    assert gates(adopted) == [0, 0, 0], "it says what the models say"
    adopted.change(WEIGHT)
    assert gates(adopted) == [1, 1, 1]
    assert "(schemasync.W008) The models and schema.json differ" in adopted.done("check").err
    ended = adopted.manage("makemigrations")
    assert ended.code == 3
    assert "[unclaimed-table]" in ended.err
    assert "manage.py schemasync export --claim" in ended.err
    assert adopted.schema.read_text() == before
    reported = adopted.done("schemasync", "export", "--claim", "--json").json
    assert "shop_tag" in reported["claimed"]
    assert reported["not_expressed"] == []
    adopted.done("migrate")
    assert gates(adopted) == [0, 0, 0]
    assert adopted.rows("SELECT weight FROM shop_tag") == [(3,)]
    assert adopted.rows("SELECT name, legacy FROM customers") == [("Ann", "kept")]
    names = "SELECT name FROM sqlite_schema WHERE name IN ('lower_tag', 'raw_part', 'mine') ORDER BY name"
    assert adopted.rows(names) == [("lower_tag",), ("mine",), ("raw_part",)]


@pytest.mark.slow
def test_a_claim_alone_changes_no_byte_of_the_database(adopted):
    unmarked(adopted)
    before = adopted.done("schemasync", "hash", "--json").json["version"]
    adopted.done("schemasync", "export", "--claim")
    assert marks(adopted.schema.read_text()) > 9
    assert adopted.done("schemasync", "hash", "--json").json["version"] == before
    assert "nothing to do" in adopted.done("schemasync", "--export").out


@pytest.mark.slow
def test_models_schema_and_database_agree_at_once(adopted):
    assert adopted.manage("makemigrations", "--check").code == 0
    assert adopted.manage("migrate", "--check").code == 0
    assert "nothing to do" in adopted.done("migrate").out


def test_what_no_model_knows_survives_a_change_of_the_models(adopted):
    adopted.change(
        ("max_length=100", "max_length=120"), ("label = models.SlugField()", "label = models.SlugField(unique=True)")
    )
    adopted.done("schemasync", "--export")
    assert adopted.rows("SELECT name, legacy FROM customers") == [("Ann", "kept")]
    names = "SELECT name FROM sqlite_schema WHERE name IN ('lower_tag', 'raw_part', 'mine') ORDER BY name"
    assert adopted.rows(names) == [("lower_tag",), ("mine",), ("raw_part",)]
    adopted.run_sql(
        "INSERT INTO shop_customer (name, email) VALUES ('Bob', 'b@x.yz'); INSERT INTO shop_tag (label) VALUES ('BLUE')"
    )
    assert adopted.rows("SELECT legacy FROM shop_customer WHERE legacy = 'X'") == [("x",)], "its default and collation"
    assert adopted.rows("SELECT label FROM shop_tag ORDER BY id") == [("red",), ("blue",)]


def test_a_field_that_goes_takes_its_column_and_nothing_beside_it(adopted):
    adopted.change(("    email = models.EmailField(unique=True)\n", ""))
    adopted.done("schemasync", "--export")
    assert [name for (name,) in adopted.rows("SELECT name FROM pragma_table_info('shop_customer')")] == [
        "id",
        "name",
        "legacy",
    ]
    assert '"_dropped": ["email"]' in adopted.schema.read_text()


def test_the_list_of_migrations_is_kept_as_the_way_out(adopted):
    assert ("0001_initial",) in adopted.rows("SELECT name FROM django_migrations WHERE app = 'shop'")


@pytest.mark.slow
def test_the_tests_of_the_project_run_on_a_database_made_of_the_schema(adopted):
    (adopted.folder / "shop" / "tests.py").write_text(
        "from django.contrib.auth.models import Permission\n"
        "from django.test import TestCase\n"
        "from shop.models import Tag\n"
        "class Tags(TestCase):\n"
        "    def test_trigger(self):\n"
        "        tag = Tag.objects.create(label='RED')\n"
        "        tag.refresh_from_db()\n"
        "        self.assertEqual(tag.label, 'red')\n"
        "    def test_permissions(self):\n"
        "        self.assertTrue(Permission.objects.filter(codename='add_tag').exists())\n"
        "class More(TestCase):\n"
        "    def test_nothing(self):\n"
        "        self.assertEqual(Tag.objects.count(), 0)\n"
    )
    assert "Ran 3 tests" in adopted.done("test").err
    assert "Ran 3 tests" in adopted.done("test", "--parallel", "2").err
    on_disk = 'DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}'
    adopted.settings(flag=True, more=on_disk)
    assert "Ran 3 tests" in adopted.done("test").err
    assert "Ran 3 tests" in adopted.done("test", "--parallel", "2").err
    assert not list(adopted.folder.glob("test*.sqlite3*"))


def test_a_backup_from_before_the_adoption_in_the_live_file_comes_with_the_command(adopted, _handmade):
    shutil.copyfile(_handmade.link, adopted.link)  # as `cp backup.sqlite3 db.sqlite3` does, through the link
    ended = adopted.manage("schemasync")
    assert (ended.code, "[no-history]" in ended.err) == (6, True)
    assert "to go on with it: manage.py schemasync adopt\n" in ended.err
    adopted.done("schemasync", "adopt")
    assert adopted.rows("SELECT name, legacy FROM shop_customer") == [("Ann", "kept")]
    assert adopted.done("schemasync", "status").out.startswith("0001-")
