"""Apps with their own `migrate` or `makemigrations`: listed before schemasync, after it, or inheriting from it."""

import pytest

from .test_commands import WEIGHT

STOCK = """
from django.core.management.commands.{name} import Command as Stock

class Command(Stock):
    help = "what other products do: a little work around Django's own command"
"""
INHERITS = """
from schemasync.management.commands.migrate import Command as Migrate

class Command(Migrate):
    def handle(self, *args, **options):
        super().handle(*args, **options)
        if not (options["check_unapplied"] or options["plan"]):
            from django.contrib.auth.models import User
            User.objects.get_or_create(username="first")
"""
FIRST, LAST = 'INSTALLED_APPS.insert(0, "product")\n', 'INSTALLED_APPS.append("product")\n'


def with_product(site, more, **commands):
    """Add an app with these commands."""
    folder = site.folder / "product" / "management" / "commands"
    folder.mkdir(parents=True)
    for each in (folder.parent.parent, folder.parent, folder):
        (each / "__init__.py").touch()
    for name, text in commands.items():
        (folder / f"{name}.py").write_text(text.format(name=name))
    site.settings(flag=True, more=more)
    return site


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("migrate", "check"), ("migrate", "migrate"), ("makemigrations", "makemigrations"),
        ("migrate", "migrate --check --skip-checks"), ("makemigrations", "makemigrations --check --skip-checks"),
        ("migrate", "schemasync"), ("makemigrations", "schemasync check"), ("makemigrations", "schemasync export"),
    ],
)  # fmt: skip
def test_an_app_that_takes_a_command_away_is_an_error_that_names_it(built, name, command):
    site = with_product(built, FIRST, **{name: STOCK})
    ended = site.manage(*command.split())
    assert ended.code != 0, ended
    assert f"product.management.commands.{name}" in ended.err
    assert 'list "schemasync" before "product"' in ended.err
    assert f"inherit from schemasync.management.commands.{name}.Command" in " ".join(ended.err.split())
    assert "No migrations to apply" not in ended.out
    assert "No changes detected" not in ended.out


def test_from_python_where_no_check_runs_it_fails_too(built):
    site = with_product(built, FIRST, migrate=STOCK, makemigrations=STOCK)
    reported = site.python(
        "from django.core.management import CommandError, call_command\n"
        "for name, more in (('migrate', {}), ('migrate', {'check_unapplied': True}), ('migrate', {'plan': True}),\n"
        "                   ('makemigrations', {}), ('makemigrations', {'check_changes': True})):\n"
        "    try:\n"
        "        call_command(name, **more)\n"
        "        print('done')\n"
        "    except CommandError as error:\n"
        "        print(error.returncode, 'ignores schema.json' in str(error))\n"
    )
    assert reported.splitlines() == ["2 True"] * 5


@pytest.mark.slow
def test_the_ways_back_and_the_looks_stay_open(built):
    built.change(WEIGHT)
    built.done("schemasync", "--export")
    site = with_product(built, FIRST, migrate=STOCK)
    for command in ("history", "status", "rollback --noinput"):
        site.done("schemasync", *command.split())


def test_for_machines_it_has_a_code(built):
    site = with_product(built, FIRST, migrate=STOCK)
    ended = site.manage("schemasync", "--json")
    assert ended.code == 2
    assert [error["code"] for error in ended.json["errors"]] == ["command-overridden"]


def test_behind_schemasync_it_takes_nothing_away(built):
    site = with_product(built, LAST, migrate=STOCK, makemigrations=STOCK)
    assert "E004" not in site.done("check").err
    site.change(WEIGHT)
    site.done("makemigrations")
    site.done("migrate")
    assert site.rows("SELECT weight FROM shop_tag") == [(3,)]


def test_with_the_flag_off_commands_are_whose_they_are(built):
    site = with_product(built, FIRST, migrate=STOCK)
    site.settings(flag=False, more=FIRST)
    assert "E004" not in site.done("check").err
    assert "Applying contenttypes" in site.manage("migrate", "--database", "default", "contenttypes", "--fake").out


def test_a_migrate_that_inherits_from_ours_does_both(built):
    site = with_product(built, FIRST, migrate=INHERITS)
    assert "E004" not in site.done("check").err
    site.change(WEIGHT)
    site.done("makemigrations")
    assert site.manage("migrate", "--check").code == 1
    assert "is live" in site.done("migrate").out
    assert site.rows("SELECT username FROM auth_user") == [("first",)]
    assert site.rows("SELECT weight FROM shop_tag") == [(3,)]
    site.done("schemasync", "check")
