"""The commands of a project with the flag on: those that deploy scripts and developers usually call work as
expected."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from tests.command.tty import on_terminal
from tests.support.site import MODELS, Site

WEIGHT = ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=3)")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


def test_from_models_to_a_database_with_users_and_permissions(site):
    assert "shop_tag: new table" in site.done("makemigrations").out
    assert "a new database" in site.done("migrate").out
    reported = site.python(
        "from django.contrib.auth.models import Permission, User\n"
        "from shop.models import Customer, Order\n"
        "User.objects.create_user('ann', password='x')\n"
        "order = Order.objects.create(customer=Customer.objects.create(name='Bob', email='b@x.yz'), total=3)\n"
        "order.tags.create(label='red')\n"
        "print(Permission.objects.filter(codename='add_order').count(), Order.objects.get().tags.get().label)"
    )
    assert reported == "1 red"
    assert "nothing to do" in site.done("migrate").out


def test_a_new_field_is_one_command_and_rows_get_its_default(built):
    built.change(WEIGHT)
    assert "+weight" in built.done("schemasync", "--export").out
    assert built.rows("SELECT id, label, weight FROM shop_tag") == [(1, "red", 3)]


def test_rows_from_before_a_field_keep_its_db_default_when_that_changes(built):
    label = "label = models.SlugField()"
    built.change((label, f"{label}\n    mark = models.TextField(db_default='a')"))
    added = built.done("schemasync", "--export", "--json").json
    assert added["tables"]["shop_tag"]["action"] == "alter"
    built.change(("db_default='a'", "db_default='b'"))
    changed = built.done("schemasync", "--export", "--json").json
    assert changed["tables"]["shop_tag"]["action"] == "rewrite"
    built.run_sql("INSERT INTO shop_tag (label) VALUES ('green')")
    assert built.rows("SELECT label, mark FROM shop_tag ORDER BY id") == [("red", "a"), ("green", "b")]


@pytest.mark.slow
def test_the_gates_of_ci_are_honest(built):
    assert built.manage("makemigrations", "--check").code == 0
    assert built.manage("migrate", "--check").code == 0
    built.change(WEIGHT)
    before = built.schema.read_bytes()
    assert built.manage("makemigrations", "--check").code == 1
    assert built.manage("makemigrations", "--dry-run").code == 1
    ended = built.manage("migrate", "--check")
    assert ended.code == 1, "a start script asks no more than this"
    assert "manage.py schemasync export" in ended.err
    assert built.schema.read_bytes() == before
    built.done("makemigrations")
    assert built.manage("makemigrations", "--check").code == 0
    assert built.manage("migrate", "--check").code == 1
    built.done("migrate", "--noinput")
    assert built.manage("migrate", "--check").code == 0


def test_migrate_says_what_of_the_models_it_did_not_apply(built):
    assert "makemigrations" not in built.done("migrate").out
    built.change(WEIGHT)
    reported = built.done("migrate").out
    assert "The models differ from schema.json (shop_tag), and this difference is not applied" in reported
    assert "manage.py makemigrations" in reported


def test_a_plan_changes_nothing(built):
    built.change(WEIGHT)
    built.done("makemigrations")
    assert "+weight" in built.done("migrate", "--plan").out
    assert built.manage("migrate", "--check").code == 1


@pytest.mark.parametrize(
    "command",
    [
        "migrate shop 0001", "migrate shop zero", "migrate --fake", "migrate --fake-initial", "migrate --prune",
        "makemigrations --empty", "makemigrations --merge", "makemigrations --name x",
        "showmigrations", "sqlmigrate shop 0001", "squashmigrations shop 0001",
    ],
)  # fmt: skip
def test_what_means_nothing_without_migrations_says_in_a_line_what_to_use(site, command):
    ended = site.manage(*command.split())
    assert ended.code == 2
    assert "; use: " in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_an_app_label_is_accepted_and_other_apps_that_change_are_named(built):
    other = "schema.json is one unit, so this includes the changes of shop\n"
    assert built.done("makemigrations", "shop", "auth").out == f"{built.schema} matches the models\n"
    built.change(WEIGHT)
    assert built.done("makemigrations", "auth").out.startswith(other)
    assert built.done("migrate", "auth").out.startswith(other)
    assert built.rows("SELECT weight FROM shop_tag") == [(3,)]
    assert "one unit" not in built.done("migrate", "shop").out


@pytest.mark.parametrize("command", ["makemigrations", "migrate"])
def test_a_label_that_no_app_has_is_an_error_as_in_django(built, command):
    ended = built.manage(command, "shops")
    assert (ended.code, "No installed app with label 'shops'." in ended.err) == (2, True)


@pytest.mark.parametrize("command", ["makemigrations --check", "schemasync export --check", "schemasync check"])
def test_a_check_with_a_rename_to_decide_exits_with_1_and_asks_nothing(built, command):
    built.change(("label = models.SlugField()", "name = models.SlugField()"))
    ended = on_terminal([sys.executable, "manage.py", *command.split()], built.folder, columns=120)
    assert ended.code == 1, ended.out
    assert "[rename-or-drop]" in ended.out
    assert "[y/n]" not in ended.out


def test_an_undecided_check_as_json_has_the_question(built):
    built.change(("label = models.SlugField()", "name = models.SlugField()"))
    ended = built.manage("schemasync", "export", "--check", "--json")
    assert (ended.code, ended.json["result"]) == (1, "differs")
    assert [error["code"] for error in ended.json["errors"]] == ["rename-or-drop"]


def test_a_renamed_field_is_refused_with_both_hints_and_keeps_its_rows(built):
    built.change(("label = models.SlugField()", "name = models.SlugField()"))
    ended = built.manage("schemasync", "export", "--json")
    assert ended.code == 3
    (error,) = ended.json["errors"]
    assert error["code"] == "rename-or-drop"
    renamed, dropped = error["hint"].splitlines()
    assert dropped == "To drop it with the data: manage.py schemasync export --drop shop_tag.label"
    paste(built, '"label": "varchar(50) NOT NULL"', renamed.partition("removes: ")[2])
    built.done("schemasync", "--export")
    assert built.rows("SELECT id, name FROM shop_tag") == [(1, "red")]


def paste(site, beside, line):
    """Insert a line of a hint into schema.json, after another line."""
    text = site.schema.read_text()
    assert beside in text
    site.schema.write_text(text.replace(beside, f"{beside},\n    {line}"))


def test_a_field_that_is_no_other_one_goes(built):
    built.change(("label = models.SlugField()", "name = models.SlugField(default='x')"))
    built.done("schemasync", "export", "--drop", "shop_tag.label")
    built.done("schemasync")
    assert built.rows("SELECT id, name FROM shop_tag") == [(1, "x")]


def test_a_renamed_model_keeps_its_rows_permissions_and_generic_relations(built):
    built.python(
        "from django.contrib.auth.models import Group, Permission\n"
        "Group.objects.create(name='g').permissions.add(Permission.objects.get(codename='change_tag'))"
    )
    (before,) = built.rows("SELECT id FROM django_content_type WHERE model = 'tag'")
    built.change(("class Tag(", "class Label("), ('"Tag"', '"Label"'))
    ended = built.manage("schemasync", "export")
    assert ended.code == 3
    assert 'in "shop_tag" of schema.json, "_model": "shop.Label"' in ended.err
    built.schema.write_text(built.schema.read_text().replace('"shop.Tag"', '"shop.Label"'))
    built.done("schemasync", "--export")
    assert built.rows("SELECT id, label FROM shop_label") == [(1, "red")]
    assert built.rows("SELECT id FROM django_content_type WHERE model = 'label'") == [before]
    assert built.rows("SELECT count(*) FROM django_content_type WHERE model = 'tag'") == [(0,)]
    reported = (
        "SELECT p.codename, p.name FROM auth_group_permissions AS g JOIN auth_permission AS p ON p.id = g.permission_id"
    )
    assert built.rows(reported) == [("change_label", "Can change label")]


def test_a_permission_that_is_new_comes_although_no_table_changes(built):
    built.change(
        (
            "class Tag(models.Model):",
            "class Tag(models.Model):\n    class Meta:\n        permissions = [('paint_tag', 'Can paint')]",
        )
    )
    built.done("migrate")
    assert built.rows("SELECT count(*) FROM auth_permission WHERE codename = 'paint_tag'") == [(1,)]


@pytest.mark.parametrize(
    "command",
    [
        "createsuperuser --noinput --username root --email r@x.yz",
        "flush --noinput",
        "dumpdata shop",
        "inspectdb",
        "check",
    ],
)
def test_django_s_other_commands_work(built, command):
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = "secret"
    ended = built.done(*command.split())
    assert "unapplied" not in ended.out + ended.err


def test_what_is_dumped_can_be_loaded(built):
    (built.folder / "tags.json").write_text(built.done("dumpdata", "shop").out)
    built.done("flush", "--noinput")
    assert built.rows("SELECT * FROM shop_tag") == []
    built.done("loaddata", "tags.json")
    assert built.rows("SELECT id, label FROM shop_tag") == [(1, "red")]


@pytest.mark.skipif(
    not shutil.which("sqlite3"), reason="SKIPPED LOUDLY: dbshell needs sqlite3 (apt-get install sqlite3)"
)
def test_dbshell_opens_what_is_live(built):
    (built.folder / "query.sql").write_text("SELECT label FROM shop_tag;")
    assert built.done("dbshell", "--", ".read query.sql").out == "red\n"


@pytest.mark.slow
def test_runserver_serves_on_whatever_is_live(built):
    with served(built) as get:
        assert b"Django" in get("/admin/login/")
        built.change(WEIGHT)
        built.done("schemasync", "--export")
        assert b"Django" in get("/admin/login/")


@contextmanager
def served(site):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "manage.py", "runserver", "--noreload", str(port)],
        cwd=site.folder,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )

    def get(path):
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                    return answer.read()
            except OSError:
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.2)

    try:
        yield get
    finally:
        server.terminate()
        out = server.communicate(timeout=10)[0].decode()
    assert "unapplied" not in out


def test_with_the_flag_off_they_are_django_s_own(tmp_path):
    site = Site(tmp_path / "site", flag=False)
    assert "Create model Tag" in site.done("makemigrations", "shop").out
    assert "Applying shop.0001_initial... OK" in site.done("migrate").out
    assert "[X] 0001_initial" in site.done("showmigrations", "shop").out
    assert "CREATE TABLE" in site.done("sqlmigrate", "shop", "0001").out
    assert not site.schema.exists()
    assert not site.link.is_symlink()


def test_models_of_another_schema_are_as_they_were(built):
    """A table without _model belongs to the author, and every byte of it is kept."""
    text = (
        built.schema.read_text().rstrip().removesuffix("}").rstrip()
        + ',\n  // mine\n  "notes": { "id": "INTEGER PRIMARY KEY" /* here */ },\n}\n'
    )
    built.schema.write_text(text)
    built.change(WEIGHT)
    built.done("schemasync", "--export")
    assert '\n  // mine\n  "notes": { "id": "INTEGER PRIMARY KEY" /* here */ },\n}' in built.schema.read_text()
    assert built.rows("SELECT * FROM notes") == []
    assert MODELS


def test_runserver_and_check_say_when_models_and_schema_differ(built):
    assert "W008" not in built.done("check").err
    built.change(WEIGHT)
    reported = built.done("check").err
    assert (
        '(schemasync.W008) The models and schema.json differ, in the database "default":\n    shop_tag: +weight'
        in reported
    )
    built.change(("class Tag", "class Shelf(models.Model):\n    pass\n\nclass Tag"), ("max_digits=8", "max_digits=9"))
    built.change(
        ("    email = models.EmailField(unique=True)\n", ""), ("max_length=100", "max_length=120, db_index=True")
    )
    lines = built.done("check").err.splitlines()
    first = next(number for number, line in enumerate(lines) if "W008" in line) + 1
    assert lines[first : first + 4] == [
        "    shop_customer: -email, with its values; name: type VARCHAR(100) -> VARCHAR(120); -UNIQUE (email); "
        "+index shop…",
        "    shop_shelf: new table",
        "    shop_tag: +weight",
        "\tHINT: manage.py schemasync --export",
    ], "one short line for each table"
    assert "W008" not in built.done("inspectdb").err, "it takes time, and only those who develop want to know"


def test_check_names_the_column_that_may_have_been_renamed(built):
    built.change(("label = models.SlugField()", "slug = models.SlugField()"))
    assert 'shop.Tag no longer has the column "label"; new in it: slug. Renamed, or dropped?' in built.done("check").err
    built.schema.write_text("{")
    assert 'differ, in the database "default":\n    ' in (reported := built.done("check").err)
    assert "schema.json:1:2: the file ends here, before its JSON does" in reported


def test_where_much_differs_the_first_tables_are_named(site):
    site.schema.write_text("{}")
    reported = site.done("check").err
    assert 'in the database "default":\n    auth_group: new table\n    auth_group_permissions: new table\n' in reported
    assert reported.count(": new table") == 9
    assert re.search(r": new table\n    and \d+ more\n\tHINT", reported)


def test_a_server_that_brings_the_database_up_does_all_that_migrate_does(site):
    site.done("makemigrations")
    site.settings(flag=True, more='SCHEMASYNC["ON_STARTUP"] = "sync"')
    reported = site.python(
        "from django.contrib.auth.models import Permission\n"
        "from shop.models import Tag\n"
        "print(Tag.objects.count(), Permission.objects.filter(codename='add_tag').count())"
    )
    assert reported == "0 1"
    assert site.link.is_symlink()


@pytest.mark.slow
def test_after_a_rollback_every_command_says_the_same(built):
    """schema.json and the models have the version that the database was rolled back from: no command suggests a sync
    that would be refused."""
    old = built.schema.read_text()
    built.change(WEIGHT)
    built.done("schemasync", "--export")
    new, newer = built.schema.read_text(), built.link.readlink().stem
    built.done("schemasync", "rollback", "--noinput")
    for command in (["schemasync", "check"], ["migrate", "--check"], ["migrate"], ["schemasync", "plan"]):
        ended = built.manage(*command)
        assert "from which this database was rolled back to" in ended.out + ended.err
        assert "To go forward again with today's data: manage.py schemasync --allow-older\n" in ended.err
        assert f"To go forward again to the data as it was then: manage.py schemasync rollback {newer}" in ended.err
        assert "To see what a sync would do" not in ended.err
    built.settings(flag=True, more='SCHEMASYNC["ON_STARTUP"] = "warn"')
    assert "To go forward again with today's data" in built.python(STARTED), "not: to sync it"

    inspect = re.search(r"manage.py (schemasync inspect .*)", built.manage("migrate").err)[1].split()
    built.done(*inspect)
    assert "nothing to do" in built.done("schemasync").out, (
        "the pasted command writes the schema.json of the live version"
    )
    built.schema.write_text(old)
    for command in (["check"], ["migrate"]):
        ended = built.done(*command)
        assert "To stay there, run the release that belongs to it" in ended.out + ended.err
        assert "makemigrations" not in ended.out + ended.err
    built.done("schemasync", "--export", "--allow-older")
    assert built.schema.read_text() == new
    assert built.rows("SELECT weight FROM shop_tag") == [(3,)]


STARTED = """
import logging, sys
logging.basicConfig(stream=sys.stdout)
from schemasync import process
process.is_serving = lambda more: True
from django.db import connection
connection.ensure_connection()
"""


def test_a_flag_that_is_off_for_a_database_that_follows_schema_json_is_reported(built):
    assert "W009" not in built.done("check").err
    built.settings(flag=False)
    assert "(schemasync.W009)" in built.done("check").err


@pytest.mark.slow
def test_a_plain_file_beside_a_schema_json_is_reported(adopted):
    assert "W010" not in adopted.done("check").err
    adopted.done("schemasync", "eject")
    reported = adopted.done("check").err
    assert "(schemasync.W010)" in reported
    assert "HINT: manage.py schemasync adopt" in reported
