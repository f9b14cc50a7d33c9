"""Each tenant has its own backups, also if all of them are in one storage."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyrage
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from schemasync import api
from schemasync.errors import UsageError
from schemasync.tenants import tenant
from schemasync.tenants.models import Tenant
from tests.tenants.inside import new
from tests.tenants.shop.models import Author

FOLDER = "django.core.files.storage.FileSystemStorage"


def _done(action, *words, **options):
    """Run an action; return the exit code, and the printed object."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("schemasync", action, *words, json=True, noinput=True, stdout=out, stderr=err, **options)
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def _stores(folder, **backups):
    """Return settings with storages in this folder, and with these backups of tenants."""
    storages = {
        **settings.STORAGES,
        "schemasync-backups": {"BACKEND": FOLDER, "OPTIONS": {"location": str(folder / "all")}},
        "eu": {"BACKEND": FOLDER, "OPTIONS": {"location": str(folder / "eu")}},
    }
    given = settings.SCHEMASYNC
    tenants = {**given["TENANTS"], "BACKUPS": backups or {}}
    return override_settings(STORAGES=storages, SCHEMASYNC={**given, "TENANTS": tenants})


def _names(key):
    with tenant(key):
        return sorted(Author.objects.values_list("name", flat=True))


def each_tenant_is_backed_up_by_itself_and_one_goes_back_to_a_moment():
    Tenant.objects.all().delete()
    with TemporaryDirectory() as folder, _stores(Path(folder)):
        ann, bob = new("ann"), new("bob")
        code, found = _done("tenants", "backup")
        assert (code, found["result"], [one["key"] for one in found["tenants"]]) == (0, "written", [ann, bob]), found
        moment = datetime.now(UTC).isoformat()
        for key in (ann, bob):
            with tenant(key):
                Author.objects.create(name="since")
        code, found = _done("tenants", "backup", due=1)
        assert (code, found["result"], found["recent"], found["tenants"]) == (0, "current", 2, []), found
        late = new("late")
        code, found = _done("tenants", "backup", print_schedule="cron", due=1)
        assert (code, found["kind"]) == (0, "cron")
        assert "tenants backup --prune --due 1 >/dev/null" in found["text"], found
        code, found = _done("tenants", "backup", due=1, dry_run=True)
        assert [one["key"] for one in found["tenants"]] == [late], found
        assert _done("tenants", "backup", tenant=[bob], due=0)[1]["tenants"][0]["key"] == bob
        assert [len(_done("backups", tenant=key)[1]["backups"]) for key in (ann, bob, late)] == [1, 2, 0]

        code, found = _done("restore", tenant=bob, at=moment)
        assert (code, found["result"]) == (0, "restored"), found
        assert (_names(ann), _names(bob), _names(late)) == (["ann", "since"], ["bob"], ["late"])
        with tenant(late):
            assert api.backups(database="tenant")["backups"] == []
        code, found = _done("restore", tenant=late)
        assert (code, found["errors"][0]["hint"]) == (
            3,
            f"To list them: manage.py schemasync backups --tenant {late}",
        ), found
        assert _done("restore", tenant="nobody")[0] == 3
        assert _done("restore", tenant=bob, database="tenant")[0] == 2


def storage_folder_recipients_and_retention_of_a_tenant_are_those_of_the_settings():
    Tenant.objects.all().delete()
    identity = pyrage.x25519.Identity.generate()

    def kept(key):
        if key == own:
            return {"STORAGE": "eu", "PREFIX": "of/{key}", "RECIPIENTS": [str(identity.to_public())], "RETENTION": {}}
        return {}

    with TemporaryDirectory() as folder:
        own, other = new("ann"), new("bob")
        with _stores(Path(folder)):
            given = settings.SCHEMASYNC
            settings.SCHEMASYNC = {**given, "TENANTS": {**given["TENANTS"], "BACKUPS": kept}}
            for _ in range(2):
                assert _done("tenants", "backup", prune=True)[0] == 0
            assert len([*Path(folder, "eu", "of", own).glob("*.zst.age")]) == 1
            assert len([*Path(folder, "all", f"tenant:{other}").glob("*.zst")]) == 1
            listed = {key: _done("backups", tenant=key)[1]["backups"][0] for key in (own, other)}
            assert (listed[own]["kept_as"], listed[other]["kept_as"][:1]) == ([], ["hourly"])
            secret = Path(folder, "identity")
            secret.write_text(str(identity))
            with tenant(own):
                Author.objects.all().delete()
            assert _done("restore", tenant=own)[0] == 3
            assert _done("drill", tenant=own, identity=secret)[1]["result"] == "passed"
            assert _done("restore", tenant=own, identity=secret)[0] == 0
            assert _names(own) == ["ann"]

            settings.SCHEMASYNC = {**given, "TENANTS": {**given["TENANTS"], "BACKUPS": lambda key: {"PREFIX": "all"}}}
            code, found = _done("tenants", "backup")
            assert (code, found["result"], len(found["failed"])) == (4, "failed", 2), found
            assert "without {key}" in found["failed"][0]["failure"]
            settings.SCHEMASYNC = {**given, "TENANTS": {**given["TENANTS"], "BACKUPS": {"PREFIX": "all"}}}
            with pytest.raises(UsageError, match="PREFIX is 'all'"):
                api.status()
