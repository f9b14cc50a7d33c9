"""Tenants are created, suspended, archived and deleted."""

import shutil
import threading

import pytest
from django.db import connections

from schemasync import conf
from schemasync.errors import Code, Refused, UsageError
from schemasync.tenants import (
    UnknownTenant,
    activate_tenant,
    archive_tenant,
    create_tenant,
    delete_tenant,
    suspend_tenant,
    tenant,
)
from schemasync.tenants.models import State, Tenant
from schemasync.tenants.paths import folder_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author


def a_new_tenant_has_the_version_of_the_template_and_a_history():
    key = new()
    from schemasync.api import status

    with tenant(key):
        found = status(database="tenant")
    assert found["version"] == Tenant.objects.get(key=key).version


def keys_that_are_no_host_name_are_refused():
    for key in ("", "Acme", "../acme", "a.b", "-a", "a" * 64, "a\n"):
        with pytest.raises(UsageError) as found:
            create_tenant(key)
        assert found.value.code is Code.BAD_TENANT_KEY


def a_tenant_is_created_once_also_by_threads_at_the_same_moment():
    with pytest.raises(Refused) as found:
        create_tenant(new())
    assert found.value.code is Code.TENANT_EXISTS
    done = []

    def create():
        try:
            done.append(create_tenant("contended").state)
        except Refused as refusal:
            done.append(refusal.code)
        connections.close_all()

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted([State.ACTIVE, *[Code.TENANT_EXISTS] * 3]), done


def a_folder_that_another_process_places_meanwhile_is_that_of_the_tenant():
    """An error that suggests moving it away would take the file of a live tenant."""
    asked = Tenant.get_folder

    def overtaken(row):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Tenant, "get_folder", asked)
            if row._state.adding and not Tenant.objects.filter(pk=row.key).exists():
                thread = threading.Thread(target=lambda: (create_tenant(row.key), connections.close_all()))
                thread.start()
                thread.join()
        return asked(row)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tenant, "get_folder", overtaken)
        with pytest.raises(Refused) as found:
            create_tenant("overtaken")
    assert found.value.code is Code.TENANT_EXISTS
    assert Tenant.objects.get(pk="overtaken").state == State.ACTIVE


def a_tenant_that_is_created_inside_of_another_one_has_no_row_of_it():
    first = new("ann")
    with tenant(first):
        second = new()
        assert Author.objects.get().name == "ann"
    with tenant(second):
        assert not Author.objects.exists()


def a_folder_without_a_row_is_not_taken():
    key = new("ann")
    Tenant.objects.filter(key=key).delete()
    with pytest.raises(Refused) as found:
        create_tenant(key)
    assert found.value.code is Code.OUTPUT_EXISTS
    shutil.rmtree(folder_of(key))


def a_template_that_is_not_current_is_not_copied():
    path = conf.schema_path("tenant")
    text = path.read_text()
    path.write_text(text.rstrip()[:-1] + ', "extra": {"id": "INTEGER PRIMARY KEY"}}')
    try:
        with pytest.raises(Refused) as found:
            create_tenant("early")
        assert found.value.code is Code.NOT_CURRENT
        assert not Tenant.objects.filter(key="early").exists()
    finally:
        path.write_text(text)


def an_archived_tenant_comes_back_with_its_rows_and_a_deleted_one_does_not():
    key = new("ann")
    folder = archive_tenant(key)
    assert (folder / "db.sqlite3").is_file()
    with pytest.raises(UnknownTenant), tenant(key):
        pass
    activate_tenant(key)
    suspend_tenant(key)
    with tenant(key):
        assert Author.objects.get().name == "ann"
    with pytest.raises(UsageError) as found:
        delete_tenant(key, confirm="yes")
    assert found.value.code is Code.DECLINED
    delete_tenant(key, confirm=key)
    for act in (activate_tenant, archive_tenant, suspend_tenant):
        with pytest.raises(UnknownTenant):
            act(key)


def a_tenant_with_a_folder_of_its_own_lives_there():
    place = folder_of("elsewhere").with_name("other-disk") / "mine"
    place.parent.mkdir(parents=True)
    Tenant.objects.create(key="aside", folder=str(place), state=State.CREATING)
    create_tenant("aside")
    with tenant("aside"):
        Author.objects.create(name="ann")
        assert connections["tenant"].settings_dict["NAME"] == place / "db.sqlite3"
    assert archive_tenant("aside") == place.parent / ".archived" / "aside"
    assert not place.exists()
    activate_tenant("aside")
    with tenant("aside"):
        assert Author.objects.get().name == "ann"
    assert not (place.parent.with_name("tenants") / "aside").exists()
    delete_tenant("aside", confirm="aside")
    assert not place.exists()


def a_strange_folder_does_not_become_the_tenant_that_was_being_created():
    key = "half-made"
    Tenant.objects.create(key=key, state=State.CREATING)
    folder_of(key).mkdir(parents=True)
    (folder_of(key) / "notes").write_text("x")
    with pytest.raises(Refused) as found:
        create_tenant(key)
    assert str(folder_of(key)) in str(found.value)
    assert Tenant.objects.get(pk=key).state == State.CREATING
    shutil.rmtree(folder_of(key))
    create_tenant(key)
    delete_tenant(key, confirm=key)


def a_folder_of_another_tenant_is_refused_also_of_an_archived_one():
    """Otherwise the deletion of one tenant would remove the file of the other."""
    first = new("row")
    folder = archive_tenant(first)
    for taken in (first, f"{first}/inside", "."):
        with pytest.raises(Refused) as caught:
            create_tenant(f"{first}-2", folder=taken)
        assert caught.value.code is Code.OUTPUT_EXISTS
    assert not Tenant.objects.filter(key=f"{first}-2").exists()
    create_tenant(f"{first}-2", folder=f"{first}-elsewhere")
    with pytest.raises(Refused):
        create_tenant(f"{first}-elsewhere")
    assert folder.is_dir()
