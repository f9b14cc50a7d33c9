"""A session, a password reset link and a signed value are valid in one tenant only, also where its file was copied."""

import importlib
import sqlite3
from contextlib import contextmanager

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.test import Client
from django.test.utils import override_settings
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from schemasync.tenants import tenant
from schemasync.tenants.paths import path_of
from tests.tenants.inside import new

BACKENDS = ("db", "cache", "cached_db", "signed_cookies", "file")


def _with_copy():
    """Make a tenant with an admin, and one whose file is a copy of it."""
    first, second = new(), new()
    with tenant(first):
        User.objects.create_superuser("boss", "boss@example.com", "secret")
    with sqlite3.connect(path_of(first)) as source, sqlite3.connect(path_of(second)) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    with tenant(second):
        assert User.objects.get().username == "boss"
    return first, second


def _user(client, key):
    return client.get("/user/", headers={"host": f"{key}.example.com"}).json()["user"]


def a_session_of_one_tenant_is_none_in_its_copy():
    first, second = _with_copy()
    for name in BACKENDS:
        with override_settings(
            SESSION_ENGINE=f"schemasync.tenants.sessions.{name}", SESSION_COOKIE_DOMAIN=".example.com"
        ):
            client = Client()
            client.get("/login/", headers={"host": f"{first}.example.com"})
            assert _user(client, first) == "boss", name
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            thief = Client()
            thief.cookies[settings.SESSION_COOKIE_NAME] = cookie
            assert _user(thief, second) == "", name
            if name not in ("signed_cookies", "cached_db", "cache"):  # the session was deleted where it was stored
                assert _user(client, first) == "", name


@contextmanager
def _one_cache_for_all(backend):
    """Store sessions in a cache whose keys are the same in all tenants."""
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "shared"}
    with override_settings(
        CACHES={"default": cache},
        SESSION_ENGINE=f"schemasync.tenants.sessions.{backend}",
        SESSION_COOKIE_DOMAIN=".example.com",
    ):
        yield importlib.import_module(settings.SESSION_ENGINE).SessionStore


def a_session_in_a_cache_with_the_same_keys_for_all_tenants_is_none_in_another():
    first, second = _with_copy()
    for name in ("cache", "cached_db"):
        with _one_cache_for_all(name) as store:
            with tenant(first):
                session = store()
                session["plan"] = "gold"
                session.save()
                assert store(session.session_key).get("plan") == "gold", name
            with tenant(second):
                assert store(session.session_key).get("plan") is None, name
            client, thief = Client(), Client()
            client.get("/login/", headers={"host": f"{first}.example.com"})
            assert _user(client, first) == "boss", name
            thief.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
            assert _user(thief, second) == "", name
            assert _user(client, first) == "", f"{name}: it was removed where it was kept"


def a_session_that_is_read_in_a_coroutine_is_none_in_another_tenant():
    first, second = new(), new()

    async def carried(store):
        async with tenant(first):
            session = store()
            await session.aset("plan", "gold")
            await session.asave()
            assert await store(session.session_key).aget("plan") == "gold"
        return session.session_key

    async def read(store, key):
        found = store(key)
        return await found.aget("plan"), found.session_key

    async def presented(store):
        key = await carried(store)
        async with tenant(second):
            assert await read(store, key) == (None, None)
        async with tenant(first):
            assert (await read(store, key))[0] is None, "it was removed where it was kept"
        key = await carried(store)
        assert (await read(store, key))[0] is None, "outside of all"

    for name in ("db", "cache", "cached_db", "file"):
        with _one_cache_for_all(name) as store:
            async_to_sync(presented)(store)


def a_session_of_a_tenant_is_none_outside_of_all():
    first, _ = _with_copy()
    engine = importlib.import_module(settings.SESSION_ENGINE)
    with tenant(first):
        session = engine.SessionStore()
        session["a"] = 1
        session.save()
        assert engine.SessionStore(session.session_key)["a"] == 1
    assert "a" not in engine.SessionStore(session.session_key)


def without_our_sessions_the_hash_of_the_password_is_the_tenants_own():
    first, second = _with_copy()
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.db"):
        client = Client()
        client.get("/login/", headers={"host": f"{first}.example.com"})
        assert _user(client, first) == "boss"
        assert _user(client, second) == ""


def a_link_for_a_new_password_is_valid_in_its_tenant_alone():
    first, second = _with_copy()
    with tenant(first):
        user = User.objects.get()
        token = default_token_generator.make_token(user)
        path = f"/reset/{urlsafe_base64_encode(force_bytes(user.pk))}/{token}/"
        assert default_token_generator.check_token(user, token)
    with tenant(second):
        assert not default_token_generator.check_token(User.objects.get(), token)
    assert Client().get(path, headers={"host": f"{first}.example.com"}).status_code == 302


def a_signed_value_is_valid_in_its_tenant_alone():
    first, second = new(), new()
    outside = signing.dumps({"plan": "free"})
    with tenant(first):
        value = signing.dumps({"plan": "gold"})
        assert signing.loads(value) == {"plan": "gold"}
    for use in (tenant(second).__call__(signing.loads), signing.loads):
        try:
            use(value)
        except signing.BadSignature:
            continue
        raise AssertionError("it was accepted")
    assert signing.loads(outside) == {"plan": "free"}
    client = Client(raise_request_exception=False)
    for key, status in ((first, 200), (second, 500)):
        assert client.get("/signed/", {"value": value}, headers={"host": f"{key}.example.com"}).status_code == status
