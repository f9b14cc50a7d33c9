"""The functions of as_a_user.py work, and mypy finds the errors that it marks."""

import subprocess

import pytest

from schemasync.backends.superseded import Superseded
from schemasync.errors import Busy, Code, Refused, SchemaInvalid
from schemasync.signals import before_swap, generation_changed
from tests.support.project import REWRITTEN

from . import as_a_user as user


@pytest.fixture(autouse=True)
def _no_receivers():
    """Disconnect the receivers of as_a_user.py, which only mypy needs: other tests count connected receivers."""
    before_swap.disconnect(user.fill)
    generation_changed.disconnect(user.forget)


def test_an_application_deploys_looks_and_goes_back(synced):
    before = synced.live()
    assert user.newest() == before
    synced.write(REWRITTEN)
    assert user.deploy(synced.schema) == user.newest() == synced.live() != before
    user.look()
    user.maintain(synced.folder)
    assert user.names() == ["Log", "Room", "User"]
    synced.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    assert user.back() == "rolled_back"
    assert synced.live() == before


def test_an_application_tells_errors_apart(synced):
    for kind, what in [(SchemaInvalid, "correct it"), (Refused, "decide"), (Busy, "try again")]:
        assert user.explain(kind.of(Code.NO_HISTORY, "message")) == what
    assert user.is_over(Superseded())
    assert user.book(3) == 3


def test_an_application_tries_a_change(project):
    schema = project.write({"t": {"id": "INTEGER PRIMARY KEY", "x": "TEXT"}})
    assert user.try_out(schema) >= 0
    for words in ("init -q", "add schema.json", "-c user.name=x -c user.email=x@x commit -qm x"):
        subprocess.run(["git", *words.split()], cwd=project.folder, check=True)
    user.of_a_revision(schema)
