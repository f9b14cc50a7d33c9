"""The system checks find settings with which one tenant could see data of another."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.test import override_settings

from schemasync.tenants.checks import check_tenants

TENANTS = "schemasync.tenants.middleware.TenantMiddleware"


@contextmanager
def _tenants(**given) -> Iterator[None]:
    """Replace values in SCHEMASYNC["TENANTS"] until the block ends."""
    with override_settings(SCHEMASYNC={**settings.SCHEMASYNC, "TENANTS": {**settings.SCHEMASYNC["TENANTS"], **given}}):
        yield


def _found() -> list[tuple[str, str, str]]:
    """Return (id, message, hint) of the checks, without the one that the project always has."""
    return [(one.id, one.msg, one.hint) for one in check_tenants(None) if one.id != "schemasync.W018"]


def the_settings_of_the_project_pass():
    assert _found() == []


def a_foreign_key_to_another_database_is_found_in_both_directions():
    with _tenants(APPS=["shop", "sites", "auth"], BOTH=[]):
        found = _found()
    assert {code for code, _, _ in found} == {"schemasync.E008"}
    messages = [message for _, message, _ in found]
    assert "auth.Permission.content_type refers to contenttypes.ContentType in another database." in messages
    assert "admin.LogEntry.user refers to auth.User in another database." in messages
    assert all('"BOTH"' in hint for _, _, hint in found)


def sessions_that_are_valid_in_every_tenant_are_found():
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cache"):
        ((code, message, hint),) = _found()
    assert code == "schemasync.E009"
    assert message.startswith("Sessions of django.contrib.sessions.backends.cache do not know their tenant")
    assert hint == 'SESSION_ENGINE = "schemasync.tenants.sessions.cache"'


def a_middleware_that_is_absent_or_late_is_found():
    others = [one for one in settings.MIDDLEWARE if one != TENANTS]
    with override_settings(MIDDLEWARE=others):
        ((code, message, hint),) = _found()
    assert (code, hint) == ("schemasync.E010", f'MIDDLEWARE = ["{TENANTS}", …]')
    assert message.endswith("and no middleware enters it.")
    with override_settings(MIDDLEWARE=[*others, TENANTS]):
        ((code, message, hint),) = _found()
    assert (code, hint) == ("schemasync.E010", f'Put "{TENANTS}" first.')
    assert "SessionMiddleware, django.contrib.auth.middleware.AuthenticationMiddleware run before" in message
    with override_settings(MIDDLEWARE=others), _tenants(REQUEST=None):
        assert _found() == []


def a_cache_with_the_same_keys_in_all_tenants_is_found():
    mine = "schemasync.tenants.caches.make_key"
    caches = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "KEY_FUNCTION": mine},
        "pages": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "none": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }
    with override_settings(CACHES=caches):
        ((code, message, hint),) = _found()
    assert code == "schemasync.W017"
    assert message.startswith('CACHES["pages"] has the same keys in all tenants')
    assert hint.startswith(f'"KEY_FUNCTION": "{mine}"')


def a_missing_router_and_an_unknown_app_are_found():
    with override_settings(DATABASE_ROUTERS=[]):
        found = [one for one in _found() if one[0] == "schemasync.E007"]
    assert [hint for _, _, hint in found] == ['DATABASE_ROUTERS = ["schemasync.tenants.routing.TenantRouter"]']
    with _tenants(APPS=["shop", "sites", "shelf"]):
        ((code, message, hint),) = _found()
    assert (code, hint) == ("schemasync.E007", "Use the labels of apps in INSTALLED_APPS.")
    assert message == 'SCHEMASYNC["TENANTS"] names the app "shelf", which is not installed.'


def an_entry_that_databases_do_not_have_is_found():
    with _tenants(DATABASE="customers"):
        found = _found()
    assert ("schemasync.E007", 'DATABASES has no entry "customers" for the tenants.') in [one[:2] for one in found]
    assert any(hint.startswith('"customers": {"ENGINE": "schemasync.backends.sqlite3"') for _, _, hint in found)
