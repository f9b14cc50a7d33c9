"""A project that lived on migrations lives on schema.json, with everything that was in its database."""


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
    adopted.sql(
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
