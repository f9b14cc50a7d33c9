"""Models at run time, without a file."""

import json

import pytest

from tests.support.site import Site

SCHEMA = {
    "teams": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL UNIQUE", "_comment": "Who plays."},
    "players": {
        "id": "INTEGER PRIMARY KEY",
        "name": "TEXT NOT NULL",
        "role": "TEXT NOT NULL DEFAULT 'field' CHECK (role IN ('goal', 'field'))",
        "team_id": "INTEGER REFERENCES teams ON DELETE CASCADE",
        "account_id": "INTEGER REFERENCES auth_user",
    },
    "_views": {"keepers": "SELECT id, name FROM players WHERE role = 'goal'"},
}
BEGIN = """
from django.apps import apps
from django.contrib.auth.models import User
from schemasync.orm.models_for import models_for
before = apps.get_models(), sorted(vars(User))
models = models_for("default")
Team, Player, Keeper = models["Team"], models["Player"], models["Keeper"]
"""


@pytest.fixture(scope="module")
def _site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("run_time") / "site", "from django.db import models\n")
    site.done("schemasync", "export")
    text = site.schema.read_text().rstrip().removesuffix("}").rstrip()
    site.schema.write_text(f"{text},\n{json.dumps(SCHEMA)[1:]}\n")
    site.done("schemasync")
    return site


@pytest.fixture
def site(_site, tmp_path):
    return _site.copy(tmp_path / "site")


def test_a_script_queries_writes_and_deletes_without_a_models_py(site):
    said = site.python(
        f"{BEGIN}"
        "red = Team.objects.create(name='Red')\n"
        "Player.objects.create(name='Ann', role=Player.Role.GOAL, team=red, account=User.objects.create(username='ann'))\n"
        "Player.objects.create(name='Bob', team=red)\n"
        "print(red.player_set.count(), Player.objects.get(team__name='Red', account__username='ann'))\n"
        "print(Team.objects.filter(player__role='goal').get().__doc__, Keeper.objects.get().name)\n"
        "try: Player(name='C', role='x').full_clean()\n"
        "except Exception as error: print(sorted(error.message_dict))\n"
        "red.delete(); print(Player.objects.count())\n"
    )
    assert said.splitlines() == ["2 Ann", "Who plays. Ann", "['role']", "0"]


def test_nothing_of_it_is_known_to_the_project(site):
    said = site.python(
        f"{BEGIN}"
        "print((apps.get_models(), sorted(vars(User))) == before)\n"
        "print(models_for('default')['Team'] is Team, 'Team' in [model.__name__ for model in apps.get_models()])\n"
        "User.objects.create(username='x').delete()\n"
        "from django.core.management import call_command\n"
        "call_command('check'); call_command('makemigrations', check=True, verbosity=0)\n"
    )
    assert said.splitlines()[:2] == ["True", "False False"]


def test_they_query_the_database_that_they_were_made_for(site):
    site.settings(
        flag=True,
        more='DATABASES["other"] = {"ENGINE": "schemasync.backends.sqlite3", "NAME": BASE_DIR / "other.sqlite3"}\n'
        'SCHEMASYNC["SCHEMA"] = {"other": BASE_DIR / "other.json"}',
    )
    (site.folder / "other.json").write_text('{"notes": {"id": "INTEGER PRIMARY KEY", "text": "TEXT NOT NULL"}}')
    site.done("schemasync", "--database", "other")
    said = site.python(
        "from pathlib import Path\n"
        "from schemasync.orm.models_for import models_for\n"
        "Note = models_for('other')['Note']\n"
        "Note.objects.create(text='here')\n"
        "print(Note.objects.get().text, Note.objects.db, Note.objects.get()._state.db)\n"
        "again = models_for(Path('other.json'), using='other', app_label='notes')['Note']\n"
        "print(again.objects.get().text, again._meta.label)\n"
        "from schemasync.schema import document\n"
        "schema = document.read(Path('other.json').read_bytes()).schema\n"
        "print(models_for(schema, using='other')['Note'].objects.count())\n"
    )
    assert said.splitlines() == ["here other other", "here notes.Note", "1"]


def test_a_schema_that_sqlite_refuses_gives_no_models(site):
    site.schema.write_text('{"t": {"a": "TEXT CHECK (nope(a))"}}')
    said = site.python(
        "from schemasync.errors import SchemaInvalid\nfrom schemasync.orm.models_for import models_for\n"
        "try: models_for('default')\nexcept SchemaInvalid as error: print(error.problems[0].code)\n"
    )
    assert said == "sqlite-refuses"
