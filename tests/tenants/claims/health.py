"""Each tenant's health check, the sizes of tenants, and the space that is left for more."""

import io
import json
import os
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from schemasync.actions.database import Database
from schemasync.tenants import archive_tenant, current, tenant
from schemasync.tenants.fleet.health import check_all
from schemasync.tenants.fleet.processes import processes
from schemasync.tenants.models import Health, State, Tenant, TenantSize
from schemasync.tenants.paths import path_of
from schemasync.tenants.sizes import Size, note, size_at, with_growth
from tests.tenants.inside import new
from tests.tenants.shop.models import Author


def _run(*words, **options):
    """Run an action; return the exit code, stdout, and the error."""
    out = io.StringIO()
    try:
        call_command("schemasync", *words, stdout=out, **options)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def _page():
    """Return the admin's page of all tenants, and the number of its queries."""
    name = f"looker{User.objects.using('default').count()}"
    user = User.objects.using("default").create(username=name, is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connections["default"]) as queries:
        response = client.get(reverse("admin:schemasync_tenants_tenant_status"))
    assert response.status_code == 200
    return " ".join(response.content.decode().split()), len(queries)


@contextmanager
def _fresh():
    Tenant.objects.all().delete()
    try:
        yield
    finally:
        Tenant.objects.all().delete()


def each_tenant_says_what_is_wrong_with_it_and_the_table_keeps_it():
    with _fresh():
        whole, left, lost, archived = new("ann"), new("bob"), new("eve"), new("old")
        archive_tenant(archived)
        generations = path_of(left).with_name("db.sqlite3.generations")
        leftover = generations / "0009-cafecafecafe.sqlite3.building"
        assert generations.is_dir()
        leftover.touch()
        away = path_of(lost).rename(path_of(lost).with_name("away"))
        try:
            assert "health: never checked" in _run("tenants", "status")[1]
            assert "Never checked." in _page()[0]
            code, out, error = _run("tenants", "health")
            assert code == 1
            assert "1 unusable" in out
            assert "2 tenants not healthy" in error
            code, out, _ = _run("tenants", "health", json=True)
            found = json.loads(out)
            assert (code, found["result"], found["tenants"], found["ok"]) == (1, "unusable", 3, 1)
            said = {one["key"]: (one["result"], one["problems"][0]["code"]) for one in found["unhealthy"]}
            assert said == {lost: ("unusable", "no-database"), left: ("attention", "recovery-waiting")}
            assert found["unhealthy"][1]["problems"][0]["hint"].endswith(f"manage.py schemasync --tenant {left}")
            rows = dict(Tenant.objects.values_list("key", "health"))
            assert rows == {whole: "ok", left: "attention", lost: "unusable", archived: ""}
            status = json.loads(_run("tenants", "status", json=True)[1])
            assert status["health"] == {"ok": 1, "attention": 1, "unusable": 1}
            assert (status["unhealthy"], status["unchecked"]) == (found["unhealthy"], 0)
            page, _ = _page()
            assert f"there is no database at {path_of(lost)}" in page
            assert "needs attention: 1" in page
            assert f"{left}: attention [recovery-waiting]" in _run("tenants", "status")[1]
        finally:
            away.rename(path_of(lost))
            leftover.unlink()
        code, out, error = _run("tenants", "health", workers=2, tenant=[left, lost])
        assert (code, error) == (0, ""), error
        assert "2 ok" in out
        assert set(Tenant.objects.filter(state=State.ACTIVE).values_list("health", flat=True)) == {Health.OK}
        assert not Tenant.objects.exclude(problems=[]).exists()
        assert "can be used" in _run("health", tenant=whole)[1]
        assert json.loads(_run("plan", tenant=whole, json=True)[1])["result"] == "current"
        assert _run("check", tenant=whole)[0] == 0


def each_tenant_is_asked_for_backups_of_its_own():
    def newest(_alias):
        return datetime.now(UTC) if current() == kept else None

    with _fresh():
        kept, without = new("ann"), new("bob")
        for keys in ([without, kept], [kept, without]):
            with _requiring(BACKUP_NO_OLDER_THAN=timedelta(days=1), BACKUP=newest):
                found = json.loads(_run("tenants", "health", json=True, tenant=keys)[1])
            said = [(one["key"], one["problems"][0]["code"]) for one in found["unhealthy"]]
            assert said == [(without, "backup-overdue")]
        _run("tenants", "backup", tenant=[kept])
        with _requiring(BACKUP_NO_OLDER_THAN=timedelta(days=1)):
            found = json.loads(_run("tenants", "health", json=True)[1])
        assert [one["key"] for one in found["unhealthy"]] == [without]
        assert [one["code"] for one in found["unhealthy"][0]["problems"]] == ["backup-overdue"]


def _requiring(**given):
    drills = {"DRILL_NO_OLDER_THAN": timedelta(days=30)}  # nobody has run one
    return override_settings(SCHEMASYNC={**settings.SCHEMASYNC, "REQUIRE": given, "BACKUPS": drills})


def growth_is_that_of_thirty_days_and_a_file_that_does_not_change_takes_one_row():
    begun = date(2026, 1, 1)

    def noted(day, size):
        note({key: Size(size, 7)}, begun + timedelta(day))
        return [((one.day - begun).days, one.size) for one in TenantSize.objects.order_by("day")]

    def growth(day):
        return with_growth(Tenant.objects.filter(pk=key), begun + timedelta(day)).get().growth

    with _fresh():
        key = new()
        assert growth(0) is None
        assert noted(0, 1000) == noted(1, 1000) == [(0, 1000)]
        assert noted(10, 1500) == [(0, 1000), (10, 1500)]
        assert noted(10, 1600) == [(0, 1000), (10, 1600)]
        assert noted(25, 4000) == [(0, 1000), (10, 1600), (25, 4000)]
        assert [growth(day) for day in (25, 30, 39, 40, 54, 55)] == [3000, 3000, 3000, 2400, 2400, 0]
        assert noted(60, 4000) == [(0, 1000), (10, 1600), (25, 4000)]
        assert noted(61, 500) == [(25, 4000), (61, 500)]
        assert growth(61) == -3500
        row = Tenant.objects.get()
        assert (row.size, row.files) == (500, 7)


def a_tenant_that_grows_is_named_with_its_inodes():
    with _fresh():
        small, large = new(), new()
        _run("tenants", "status")
        with tenant(large):
            Author.objects.bulk_create(Author(name=f"{number:050}") for number in range(5000))
        connections.close_all()
        TenantSize.objects.update(day=datetime.now(UTC).date() - timedelta(days=2))
        found = json.loads(_run("tenants", "status", json=True)[1])
        seen = size_at(path_of(large))
        assert [one["key"] for one in found["growing"]] == [large]
        assert found["growth"] == found["growing"][0]["growth"] > 200_000
        assert found["growing"][0]["bytes"] == seen.bytes
        walked = [entry for key in (small, large) for entry in os.walk(path_of(key).parent)]
        assert found["files"] == sum(1 + len(files) for _path, _folders, files in walked) == 2 * seen.files
        assert [one["tenants"] for one in found["disks"]] == [2]
        assert found["disks"][0]["bytes_free"] > 0
        page, _ = _page()
        assert "Grown most in 30 days" in page
        assert f">{large}</a>" in page


def a_process_with_files_of_tenants_is_listed_with_its_limit():
    with _fresh():
        connections.close_all()
        before = {one.process.pid: one for one in processes() or ()}
        with tenant(new("ann")):
            assert Author.objects.count() == 1
            found = {one.process.pid: one for one in processes() or ()}
            if not Path("/proc/self/fd").is_dir():
                assert processes() is None
                return
            mine = found[os.getpid()]
            already = before[os.getpid()].files if os.getpid() in before else 0
            assert 1 <= mine.files - already <= 3
            assert mine.files < mine.descriptors < mine.most


def the_page_of_many_tenants_takes_as_many_queries_as_that_of_few():
    taken = []
    for count in (20, 2000):
        rows = [Tenant(key=f"row-{count}-{number}", health=Health.ATTENTION, size=5) for number in range(count)]
        Tenant.objects.bulk_create(rows, batch_size=500)
        Tenant.objects.update(health_at=datetime.now(UTC))
        taken.append(_page()[1])
    Tenant.objects.filter(key__startswith="row-").delete()
    assert taken[0] == taken[1] <= 25, taken


def a_folder_that_cannot_be_searched_stops_no_check_of_the_others():
    with _fresh():
        closed, whole = new("ann"), new("bob")
        folder = path_of(closed).parent
        aside = folder.rename(folder.with_name(f"{closed}-aside"))
        folder.symlink_to(folder)  # a folder that the system cannot open, for any user
        try:
            code, out, _ = _run("tenants", "health", json=True)
            found = json.loads(out)
            assert (code, found["tenants"], found["ok"]) == (1, 2, 1), found
            assert [one["key"] for one in found["unhealthy"]] == [closed]
            assert dict(Tenant.objects.values_list("key", "health")) == {closed: "unusable", whole: "ok"}
            assert "1 failed" in _run("tenants", "sync", stop_at="100%")[1]
        finally:
            folder.unlink()
            aside.rename(folder)


def without_time_zones_the_time_of_a_check_is_stored_too():
    with _fresh(), override_settings(USE_TZ=False):
        new("ann")
        assert _run("tenants", "health")[0] == 0
        at = json.loads(_run("tenants", "status", json=True)[1])["health_at"]
        assert abs(datetime.fromisoformat(at) - datetime.now(UTC)) < timedelta(minutes=5)


def a_tenant_that_is_archived_meanwhile_or_checked_since_is_left_alone():
    with _fresh():
        archived, checked = new("ann"), new("bob")
        archive_tenant(archived)
        later = datetime.now(UTC) + timedelta(hours=1)
        Tenant.objects.filter(pk=checked).update(health="attention", health_at=later)
        found = check_all(Database("tenant"), [archived, checked])
        assert [one.key for one in found.checks] == [checked]
        assert dict(Tenant.objects.values_list("key", "health")) == {archived: "", checked: "attention"}
