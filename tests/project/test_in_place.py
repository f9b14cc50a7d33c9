"""`schemasync --in-place` in a Django project: models, signals, the backend, and the changes that need a new file."""

import json

import pytest

from tests.support.site import Site

TAG = "label = models.SlugField()"
COLORED = f"{TAG}\n    color = models.CharField(max_length=9, null=True)"
GROWN = (
    f"{COLORED}\n"
    "    weight = models.PositiveIntegerField(null=True)\n"
    "    parent = models.ForeignKey('self', null=True, on_delete=models.SET_NULL)"
)
LISTENS = """
from django.db import connection
from schemasync.signals import altered_in_place, generation_changed
import django.core.management as m
from shop.models import Tag
heard = []
def on_altered(**told): heard.append((told["using"], told["generation"], [str(type(c).__name__) for c in told["changes"]]))
def on_changed(**told): heard.append("changed")
altered_in_place.connect(on_altered, weak=False)
generation_changed.connect(on_changed, weak=False)
Tag.objects.count()
m.call_command("schemasync", "--in-place", verbosity=0)
"""
WRITES = """
Tag.objects.create(label="new", color="red")
print(heard)
"""
UNDOES = """
assert len(heard) == 1
heard.clear()
m.call_command("schemasync", "rollback", "--in-place", "--noinput", verbosity=0)
print(heard, list(Tag.objects.order_by("id").values_list("label", flat=True)))
"""


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path / "site")
    made.done("schemasync", "--export")
    made.run_sql("INSERT INTO shop_tag (id, label) VALUES (1, 'red'), (2, 'green')")
    return made


def last(site):
    return json.loads(site.done("schemasync", "history", "--json").out)["generations"][0]


def test_fields_of_a_model_are_added_in_place_and_every_comparison_agrees(site):
    site.change((TAG, GROWN))
    site.done("schemasync", "export")
    done = json.loads(site.done("schemasync", "--in-place", "--json").out)
    assert done["strategy"] == "in-place"
    assert last(site)["action"] == "alter"
    assert site.rows("SELECT label, color, parent_id FROM shop_tag") == [("red", None, None), ("green", None, None)]
    for command in (("schemasync",), ("schemasync", "check"), ("makemigrations", "--check"), ("migrate", "--check")):
        site.done(*command)
    assert "nothing to do" in site.done("schemasync").out


def test_the_process_hears_of_it_and_its_connection_stays_on_the_same_generation(site):
    site.change((TAG, GROWN))
    site.done("schemasync", "export")
    heard = site.python(LISTENS + WRITES)
    assert "'default', '0001-" in heard
    assert "AddColumn" in heard
    assert "'changed'" not in heard
    assert site.rows("SELECT color FROM shop_tag WHERE label = 'new'") == [("red",)]


def test_the_process_hears_that_it_is_undone_too(site):
    site.change((TAG, COLORED))
    site.done("schemasync", "export")
    heard = site.python(LISTENS + UNDOES).splitlines()[-1]
    assert heard.startswith("[('default', '0001-")
    assert heard.endswith("', ['DropColumn'])] ['red', 'green']")
    assert [name for (name,) in site.rows("SELECT name FROM pragma_table_info('shop_tag')")] == ["id", "label"]


@pytest.mark.slow
def test_a_receiver_of_before_swap_needs_a_new_file(site):
    site.change((TAG, GROWN))
    (site.folder / "shop" / "apps.py").write_text(
        "from django.apps import AppConfig\n"
        "class Shop(AppConfig):\n"
        "    name = 'shop'\n"
        "    def ready(self):\n"
        "        from schemasync.signals import before_swap\n"
        "        before_swap.connect(lambda **told: None, weak=False)\n"
    )
    site.done("schemasync", "export")
    for words in (("schemasync", "--in-place"), ("schemasync", "plan", "--in-place")):
        ended = site.manage(*words)
        assert ended.code == 3
        assert "a receiver of before_swap acts on a new file" in ended.err
    site.done("schemasync")


def test_a_renamed_model_needs_a_new_file_for_its_content_type(site):
    site.change(("class Tag(", "class Label("), ('ManyToManyField("Tag")', 'ManyToManyField("Label")'))
    text = site.schema.read_text()
    site.schema.write_text(text.replace('"_model": "shop.Tag"', '"_model": "shop.Label"'))
    site.done("schemasync", "export")
    ended = site.manage("schemasync", "--in-place")
    assert ended.code == 3
    assert "the content type of shop.Tag is renamed" in ended.err


PLAN = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Plan", [("id", models.BigAutoField(primary_key=True))])]
"""


@pytest.mark.slow
def test_pending_migrations_need_a_new_file(site):
    (site.folder / "plans" / "migrations").mkdir(parents=True)
    for name in ("__init__.py", "migrations/__init__.py"):
        (site.folder / "plans" / name).touch()
    (site.folder / "plans" / "models.py").write_text("from django.db import models\nclass Plan(models.Model): pass\n")
    (site.folder / "plans" / "migrations" / "0001_initial.py").write_text(PLAN)
    site.settings(flag=True, more='SCHEMASYNC["MIGRATED_APPS"] = ["plans"]\nINSTALLED_APPS.append("plans")')
    site.change((TAG, GROWN))
    site.done("schemasync", "export")
    for words in (("schemasync", "plan", "--in-place"), ("schemasync", "--in-place")):
        ended = site.manage(*words)
        assert ended.code == 3
        assert "1 migration of MIGRATED_APPS would run on a new file, first plans.0001_initial" in ended.err
    site.done("migrate")
    site.change((TAG, f"{TAG}\n    more = models.TextField(null=True)"))
    site.done("schemasync", "export")
    site.done("schemasync", "--in-place")


ADMIN = """
import json
from django.contrib.auth.models import User
from django.test import Client
User.objects.create_superuser("root", password="root")
client = Client(SERVER_NAME="localhost")
assert client.login(username="root", password="root")
BASE = "/admin/schemasync/schemaversion/"
print(json.dumps([client.get(BASE + page).content.decode() for page in ("", "1/change/", "2/change/", "2/sql/")]))
"""


@pytest.mark.slow
def test_the_admin_shows_it(site):
    site.change((TAG, GROWN))
    site.done("schemasync", "export")
    site.done("schemasync", "--in-place")
    overview, first, second, statements = json.loads(site.python(ADMIN).splitlines()[-1])
    assert "altered in place" in overview
    assert "Compared with the live one" in first
    assert "color varchar(9)" in first
    assert "Compared with the previous one" in second
    assert "Compared with the live one" not in second
    assert "<li><bdi>shop_tag: +color</bdi></li>" in second
    assert "ALTER TABLE &quot;shop_tag&quot; ADD COLUMN &quot;color&quot;" in statements
    assert "CREATE INDEX" in statements
