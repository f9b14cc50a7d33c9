"""System checks of the databases: each reads back the setting that it is about."""

from __future__ import annotations

import sqlite3

import pytest
from django.core import checks
from django.db import connections
from django.db.backends.sqlite3 import base

from schemasync.checks import check_connections, check_databases

from .following import wrapper


@pytest.fixture
def ids(link, django_db_blocker, monkeypatch):
    """Yield a function that returns the ids of the checks that report something for a database with these options, or
    this setting."""
    opened = []

    def ask(engine=None, beside=None, **options):
        db = wrapper(link, **options)
        db.settings_dict |= beside or {}
        if engine is not None:
            db = engine(db.settings_dict, alias="followed")
        monkeypatch.setitem(connections.settings, "followed", db.settings_dict)
        connections["followed"] = db
        opened.append(db)
        found = [*check_databases(None), *check_connections(None, databases=["followed"])]
        return [one.id.removeprefix("schemasync.") for one in found if '"followed"' in one.msg]

    with django_db_blocker.unblock():
        yield ask
        for db in opened:
            db.close()
        if opened:
            del connections["followed"]


def test_the_backend_s_own_settings_are_fine(ids):
    assert ids() == []


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({"init_command": "PRAGMA journal_mode=DELETE"}, "W003"),
        ({"transaction_mode": "DEFERRED"}, "W004"),
        ({"timeout": 1}, "W005"),
        ({"init_command": "PRAGMA synchronous=OFF"}, "W006"),
        ({"init_command": "PRAGMA foreign_keys=OFF"}, "W007"),
    ],
)
def test_what_is_less_is_reported(ids, options, number):
    assert ids(**options) == [number]


def test_options_beside_options_are_reported(ids):
    assert ids(beside={"timeout": 30}) == ["W001"]


def test_django_s_own_backend_is_reported_where_the_database_is_swapped(ids):
    assert ids(engine=base.DatabaseWrapper) == ["W002"]


def test_the_check_of_connections_runs_only_when_a_database_is_asked_for(ids):
    assert check_connections(None) == []
    assert check_connections in checks.registry.registry.get_checks(include_deployment_checks=False)


@pytest.mark.parametrize(
    ("version", "is_racy"),
    [
        ((3, 37, 2), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 6), True),
        ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 54, 1), False), ((4, 0, 0), False),
    ],
)  # fmt: skip
def test_an_sqlite_that_can_lose_a_commit_is_named_before_a_deployment(ids, monkeypatch, version, is_racy):
    assert ids() == []  # the database now belongs to the project
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    found = [[one.id for one in checks.run_checks(include_deployment_checks=deploy)] for deploy in (True, False)]
    assert ["schemasync.W019" in ids for ids in found] == [is_racy, False]
