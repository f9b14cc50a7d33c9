"""All tenants are brought to one schema."""

import io
import json
import re
import shutil
from contextlib import contextmanager
from functools import partial

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connections

from schemasync import conf
from schemasync.api import status
from schemasync.tenants import (
    archive_tenant,
    create_tenant,
    current,
    current_alias,
    for_each_tenant,
    suspend_tenant,
    tenant,
)
from schemasync.tenants.models import Tenant
from schemasync.tenants.paths import folder_of, path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author


def _run(*words, **options):
    """Run `tenants`; return the exit code, stdout, and stderr with the error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("schemasync", "tenants", *words, stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), err.getvalue() + str(error)
    return 0, out.getvalue(), err.getvalue()


def _sync_json(**options):
    code, out, _ = _run("sync", json=True, **options)
    return code, json.loads(out)


@contextmanager
def _schema(change):
    """Change the schema of the tenants until the block ends; then delete all tenants and sync the template back."""
    path = conf.schema_path("tenant")
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    try:
        yield
    finally:
        path.write_text(text)
        Tenant.objects.all().delete()
        call_command("schemasync", database="tenant", allow_drop=ADDED, allow_older=True, verbosity=0)


ADDED = [
    "grouped",
    "asked",
    "extra",
    "more",
    "models",
    "back",
    "one",
    "meanwhile",
    "damaged",
    "hooked",
    "planned",
    "own",
    "canary",
]  # each once: the template already had the other schemas


def _adds(name):
    return partial(_extra, name=name)


def _extra(text, name="extra"):
    return f'{text.rstrip()[:-1]}, "{name}": {{"id": "INTEGER PRIMARY KEY"}}}}'


def _more(text):
    return _extra(text, "more")


def _unique_names(text):
    before, table, after = text.partition('"shop_author": {')
    return before + table + after.replace('"varchar(50) NOT NULL"', '"varchar(50) NOT NULL UNIQUE"', 1)


def _version(key):
    with tenant(key):
        return status(database="tenant")["version"]


def all_tenants_in_use_are_synced_once_and_the_archived_are_not():
    Tenant.objects.all().delete()
    keys = [new("ann"), new("bob"), new("eve")]
    suspend_tenant(keys[1])
    archived = new("old")
    archive_tenant(archived)
    with _schema(_extra):
        code, out, _ = _run("sync")
        assert code == 0
        assert "3 tenants at version" in out
        assert out.count("extra: new table") == 1, out
        assert "3 tenants synced to version" in out
        code, found = _sync_json()
        assert (code, found["result"], found["tenants"], found["current"], found["synced"]) == (0, "current", 3, 3, 0)
        assert {_version(key) for key in keys} == {found["version"]}
        assert all(Tenant.objects.exclude(key=archived).values_list("size", flat=True))
        Tenant.objects.update(size=None)
        _run("status")
        assert all(Tenant.objects.exclude(key=archived).values_list("size", flat=True))
        assert set(Tenant.objects.exclude(key=archived).values_list("version", flat=True)) == {found["version"]}
        with tenant(keys[0]):
            assert Author.objects.get().name == "ann"
        create_tenant("newcomer")
        assert _version("newcomer") == found["version"]


def failures_stop_the_run_are_reported_and_tried_again():
    Tenant.objects.all().delete()
    fine, doubled = [new("ann") for _ in range(3)], new("bob", "bob")
    Tenant.objects.filter(key=doubled).update(key="aaa")  # the first of all, so the canary
    shutil.move(folder_of(doubled), folder_of("aaa"))
    before = _version(fine[0])
    with _schema(_unique_names):
        code, found = _sync_json()
        assert (code, found["result"], found["synced"], found["left"]) == (4, "failed", 0, 3)
        assert [one["key"] for one in found["failed"]] == ["aaa"]
        assert "[hazard]" in found["failed"][0]["failure"]
        assert {_version(key) for key in ("aaa", *fine)} == {before}

        code, found = _sync_json(stop_at="100%")
        assert (code, found["synced"], found["left"], len(found["failed"])) == (4, 3, 0, 1)
        with tenant("aaa"):
            assert Author.objects.count() == 2
        code, out, _ = _run("status", json=True)
        reported = json.loads(out)
        assert (code, reported["current"], reported["missing"]) == (0, 3, [])
        assert reported["behind"] == [{"key": "aaa", "version": before}]
        assert [one["key"] for one in reported["failures"]] == ["aaa"]
        assert "behind: aaa" in _run("status")[1]

        with tenant("aaa"):
            Author.objects.first().delete()
        code, found = _sync_json(retry=True)
        assert (code, found["tenants"], found["synced"]) == (0, 1, 1)
        assert json.loads(_run("status", json=True)[1])["failures"] == []


def a_failure_after_a_canary_that_passed_stops_the_run_with_the_rest_untouched():
    Tenant.objects.all().delete()
    keys = [f"canary-{number}" for number in range(4)]
    for key, names in zip(keys, (["ann"], ["ann"], ["bob", "bob"], ["ann"]), strict=True):
        create_tenant(key)
        with tenant(key):
            for name in names:
                Author.objects.create(name=name)
    before = _version(keys[0])
    with _schema(lambda text: _unique_names(_extra(text, "canary"))):
        code, found = _sync_json(canary="50%")
        assert (code, found["result"], found["synced"], found["left"]) == (4, "failed", 2, 1)
        assert [one["key"] for one in found["failed"]] == [keys[2]]
        assert [_version(key) == before for key in keys] == [False, False, True, True]


def a_tenant_whose_file_is_away_gets_no_empty_one():
    Tenant.objects.all().delete()
    key = new("ann")
    shutil.move(folder_of(key), folder_of("elsewhere"))
    folder_of(key).mkdir()
    with _schema(_more):
        code, found = _sync_json()
        assert (code, found["failed"][0]["key"]) == (4, key)
        assert "[no-database]" in found["failed"][0]["failure"]
        assert list(folder_of(key).iterdir()) == []
        assert json.loads(_run("status", json=True)[1])["missing"] == [key]


def a_template_that_cannot_be_synced_stops_all():
    Tenant.objects.all().delete()
    key = new("ann")
    before = _version(key)
    path = conf.schema_path("tenant")
    text = path.read_text()
    path.write_text(text.rstrip()[:-1] + ', "extra": {"id": "NO SUCH (TYPE"}}')
    try:
        code, _, err = _run("sync")
        assert code == 3, err
        assert _version(key) == before
    finally:
        path.write_text(text)


def options_that_are_no_shares_are_refused():
    for given in ({"stop_at": "200%"}, {"canary": "x"}, {"workers": 0}):
        assert _run("sync", **given)[0] == 2
    with pytest.raises(CommandError):
        call_command("schemasync", "tenants")


def content_types_and_permissions_of_new_models_are_added_in_each_tenant():
    Tenant.objects.all().delete()
    key = new("ann")
    with tenant(key):
        Permission.objects.filter(content_type__model="book").delete()
        ContentType.objects.filter(model="book")._raw_delete(current_alias())
    with _schema(_adds("models")):
        code, found = _sync_json()
        assert (code, found["synced"]) == (0, 1), found
        with tenant(key):
            assert Permission.objects.filter(content_type__model="book").count() == 4


def a_group_is_synced_alone_and_the_models_are_said_to_be_ahead():
    Tenant.objects.all().delete()
    first, second = new(), new()
    Tenant.objects.filter(key=first).update(group="first")
    assert "Groups are: first." in _run("sync", group="frist")[2]
    with _schema(_adds("grouped")):
        code, out, err = _run("sync", group="first")
        assert (code, err) == (0, ""), err
        assert "1 tenant synced" in out
        reported = json.loads(_run("status", json=True)[1])
        assert (reported["current"], [one["key"] for one in reported["behind"]]) == (1, [second])
        assert json.loads(_run("status", json=True, group="first")[1])["states"] == {"active": 1}
        assert list(for_each_tenant(current, group="first")) == [first]
        assert _run("report", "SELECT 1 AS n", group="first")[1].split() == ["tenant", "n", first, "1"]
        path = conf.schema_path("tenant")
        text = path.read_text()
        path.write_text(re.sub(r'    "title": .*\n', "", text))
        assert "The models differ from schema.json (shop_book)" in _run("sync", group="first")[2]
        path.write_text(text)


def an_option_that_a_word_has_no_use_for_is_refused_before_anything_is_done():
    """It may be the option that should have limited the run: a key, or --dry-run."""
    Tenant.objects.all().delete()
    key = new("ann")
    for words, options, named in (
        (("sync", key), {}, "KEY"),
        (("sync",), {"dry_run": True}, "--dry-run"),
        (("sync",), {"tenant": [key]}, "--tenant"),
        (("backup", key), {}, "KEY"),
        (("create", "quux"), {"dry_run": True}, "--dry-run"),
        (("rollback", key), {"group": "first"}, "--group"),
        (("status",), {"tenant": [key]}, "--tenant"),
    ):
        code, out, error = _run(*words, **options)
        assert (code, out) == (2, ""), (words, options)
        assert f"tenants {words[0]} has no use for {named}" in error
    assert list(Tenant.objects.values_list("key", flat=True)) == [key]


def a_damaged_file_stops_no_sync_of_the_others_and_the_reason_is_kept():
    Tenant.objects.all().delete()
    damaged, whole = new("ann"), new("bob")
    live = path_of(damaged).resolve()
    with _schema(_adds("damaged")):
        kept = live.read_bytes()
        live.write_bytes(b"no database at all " * 1000)
        try:
            code, out, error = _run("sync", stop_at="100%")
            assert (code, "1 tenant synced" in out) == (4, True), (out, error)
            assert _version(whole) == json.loads(_run("status", json=True)[1])["versions"][0]["version"]
            failure = Tenant.objects.get(pk=damaged).failure
            assert failure.startswith(f"[not-a-database] {path_of(damaged)} is not a SQLite database"), failure
        finally:
            live.write_bytes(kept)
        assert _run("sync")[0] == 0
        Tenant.objects.filter(pk=whole).update(failure="[hazard] of yesterday")
        assert _run("sync")[0] == 0
        assert not Tenant.objects.exclude(failure="").exists(), "a tenant that is current has no failure"


def a_tenant_whose_link_is_gone_gets_it_back_from_its_generations():
    Tenant.objects.all().delete()
    key = new("ann")
    path_of(key).unlink()
    code, _, error = _run("health")
    assert code == 1
    assert f"manage.py schemasync --tenant {key}" in error
    connections.close_all()
    call_command("schemasync", tenant=key, verbosity=0)
    with tenant(key):
        assert Author.objects.get().name == "ann"
    connections.close_all()
    path_of(key).unlink()
    assert _run("sync")[0] == 0
    assert path_of(key).is_symlink()


def a_tenant_that_is_named_where_it_means_nothing_is_refused():
    Tenant.objects.all().delete()
    key, other = "ab", "a"
    for one in (key, other):
        create_tenant(one)
    for action in ("metrics", "advise", "hash", "switch", "export"):
        with pytest.raises(CommandError, match=f"{action} has no use for --tenant"):
            call_command("schemasync", action, tenant=key)
    found = json.loads(_run("health", json=True, tenant=key)[1])
    assert found["tenants"] == 1, "one key is no list of letters"
    path_of(key).resolve().write_bytes(b"no database at all " * 1000)
    out = io.StringIO()
    with pytest.raises(CommandError, match="not-a-database"):
        call_command("schemasync", tenant=key, json=True, stdout=out)
    assert json.loads(out.getvalue())["generation"] is None
