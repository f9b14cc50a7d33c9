"""Data of one tenant is refused in another."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.db import connections
from django.test import Client, override_settings

from schemasync.errors import Code
from schemasync.tenants import NoTenant, OtherTenant, current, tenant
from schemasync.tenants.paths import path_of
from tests.pages import page
from tests.tenants.inside import new
from tests.tenants.shop import media
from tests.tenants.shop.media import TenantMedia
from tests.tenants.shop.models import Author, Book


def _names():
    return list(Author.objects.values_list("name", flat=True))


def _host(key):
    return {"host": f"{key}.example.com"}


def a_queryset_of_another_tenant_is_not_evaluated():
    first, second = new("ann"), new("bob")
    with tenant(first):
        carried, raw = Author.objects.filter(name__gt=""), Author.objects.raw("SELECT * FROM shop_author")
    evaluations = [
        lambda: list(carried),
        lambda: list(carried.all().order_by("name")),
        carried.count,
        carried.first,
        lambda: list(carried.iterator()),
        lambda: list(carried.values_list("name")),
        lambda: carried.update(name="changed"),
        carried.delete,
        lambda: list(raw),
        lambda: list(Book.objects.filter(author__in=carried)),
    ]
    for evaluate in evaluations:
        with pytest.raises((OtherTenant, ValueError)), tenant(second):
            evaluate()
        with pytest.raises((OtherTenant, NoTenant)):
            evaluate()
    with tenant(first):
        assert [one.name for one in carried] == ["ann"]
    with tenant(second):
        assert _names() == ["bob"]


def a_row_of_another_tenant_is_not_saved_deleted_or_read_again():
    first, second = new("ann"), new("bob")
    with tenant(first):
        carried = Author.objects.get()
        deferred = Author.objects.defer("name").get()
    carried.name = "changed"
    uses = [
        carried.save,
        carried.delete,
        carried.refresh_from_db,
        lambda: deferred.name,
        lambda: list(carried.book_set.all()),
        lambda: list(carried.read.all()),
        lambda: carried.book_set.create(title="x"),
        lambda: Author.objects.bulk_update([carried], ["name"]),
        lambda: Author.objects.bulk_create([carried]),
    ]
    for use in uses:
        with pytest.raises(OtherTenant) as found, tenant(second):
            use()
            raise AssertionError(uses.index(use))
        assert found.value.code is Code.OTHER_TENANT
        with pytest.raises((OtherTenant, NoTenant)):
            use()
    with tenant(second):
        assert _names() == ["bob"]
    with tenant(first):
        assert _names() == ["ann"]


def rows_of_two_tenants_are_not_related():
    first, second = new("ann"), new("bob")
    with tenant(first):
        carried = Author.objects.get()
    with tenant(second):
        book = Book.objects.create(title="x", author=Author.objects.get())
        for relate in (
            lambda: setattr(book, "author", carried),
            lambda: book.readers.add(carried),
            lambda: Book(author=carried),
        ):
            with pytest.raises((OtherTenant, ValueError)):
                relate()
        assert Book.objects.get().author.name == "bob"
        assert not book.readers.exists()


def another_tenants_database_is_refused_by_name():
    first, second = new("ann"), new("bob")
    with tenant(second):
        for use in (lambda: list(Author.objects.using(f"tenant:{first}")), lambda: connections[f"tenant:{first}"]):
            with pytest.raises(OtherTenant):
                use()
    with pytest.raises(OtherTenant):
        list(Author.objects.using(f"tenant:{first}"))


def a_streamed_response_keeps_its_tenant():
    first, second = new("ann"), new("bob")
    for kind in ("generator", "expression", "iterator"):
        response = Client().get(f"/stream/{kind}/", headers=_host(first))
        with tenant(second):
            assert b"".join(response.streaming_content) == b"ann", kind
            assert current() == second


def a_response_that_is_streamed_under_asgi_keeps_its_tenant_to_its_end():
    authors = {new(name): name for name in ("ann", "bob", "eve")}
    application = get_asgi_application()

    async def streamed(kind):
        return await asyncio.gather(*(_streamed(application, f"/stream/{kind}/", key) for key in authors))

    assert async_to_sync(streamed)("async") == [[name, name] for name in authors.values()]
    for kind in ("generator", "expression", "iterator"):
        with pytest.warns(Warning, match="must consume synchronous iterators"):
            assert async_to_sync(streamed)(kind) == [[name] for name in authors.values()], kind
    assert current() is None


async def _streamed(application, path, key):
    """Return the parts of the body that an ASGI server receives."""
    asked, found = await _asked(application, path, key), []
    while (sent := await asked.receive_output(30)).get("more_body"):
        found.append(sent["body"].decode())
    await asked.wait(30)
    return [one for one in found if one]


def threads_do_not_inherit_a_tenant_silently():
    key = new("ann")
    with tenant(key), ThreadPoolExecutor(1) as pool:
        with pytest.raises(NoTenant):
            pool.submit(_names).result()
        assert pool.submit(copy_context().run, _names).result() == ["ann"]
        pool.submit(connections.close_all)


def tasks_and_threads_of_async_code_see_their_own_tenant():
    keys = [new(f"of {number}") for number in range(4)]

    async def task(key, number):
        async with tenant(key):
            for _ in range(3):
                assert [one.name async for one in Author.objects.all()] == [f"of {number}"]
                await asyncio.sleep(0)
                assert await asyncio.to_thread(current) == key
                assert await sync_to_async(_names)() == [f"of {number}"]

    async def all_of_them():
        await asyncio.gather(*(task(key, number) for number, key in enumerate(keys)))

    async_to_sync(all_of_them)()


def twelve_tenants_at_once_see_no_row_of_another_under_wsgi_and_asgi():
    _at_once(12)


def fifty_tenants_at_once_see_no_row_of_another_under_wsgi_and_asgi():
    _at_once(50)


def _at_once(count):
    keys = [new(f"of {number}") for number in range(count)]
    wrong = []

    def visitor(first):
        client = Client()
        for step in range(20):
            number = (first + step * 7) % count
            found = client.get("/names/", headers=_host(keys[number])).json()
            if (found["tenant"], found["names"]) != (keys[number], [f"of {number}"]):
                wrong.append(found)
        connections.close_all()

    threads = [threading.Thread(target=visitor, args=(number,)) for number in range(count // 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    application = get_asgi_application()

    async def asynchronous():
        pages = ["/names/", "/names/async/"] * (count // 2)
        return await asyncio.gather(*(_answer(application, page, key) for page, key in zip(pages, keys, strict=True)))

    for number, one in enumerate(map(json.loads, async_to_sync(asynchronous)())):
        assert (one["tenant"], one["names"]) == (keys[number], [f"of {number}"])


async def _answer(application, path, key):
    """Return the body that an ASGI server receives."""
    asked = await _asked(application, path, key)
    return (await asked.receive_output(30))["body"]


async def _asked(application, path, key):
    """Send a request as an ASGI server, and return the communicator once the response has begun."""
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    asked = ApplicationCommunicator(application, scope | {"headers": [(b"host", f"{key}.example.com".encode())]})
    await asked.send_input({"type": "http.request"})
    begun = await asked.receive_output(30)
    assert begun["status"] == 200, begun
    return asked


def a_storage_that_all_tenants_share_has_a_folder_for_each():
    first, second, storage = new(), new(), TenantMedia()
    folder = path_of(first).parent.parent.with_name("media")
    with override_settings(MEDIA_ROOT=folder, MEDIA_URL="/media/"):
        for key in (first, second):
            with tenant(key):
                assert not storage.exists("logo.svg")
                storage.save("logo.svg", ContentFile(key))
        for key, other in ((first, second), (second, first)):
            with tenant(key):
                assert storage.open("logo.svg").read().decode() == key
                assert storage.url("logo.svg") == f"/media/{key}/logo.svg"
                assert storage.path("logo.svg") == str(folder / key / "logo.svg")
                assert storage.listdir("") == ([], ["logo.svg"])
                with pytest.raises(SuspiciousFileOperation):
                    storage.open(f"../{other}/logo.svg")
        for use in (lambda: storage.open("logo.svg"), lambda: storage.url("logo.svg")):
            with pytest.raises(TypeError):
                use()
    assert Path(media.__file__).read_text() in page("docs/howto/tenants.md").text


def a_cache_is_not_shared():
    first, second = new(), new()
    with tenant(first):
        cache.set("price", 1)
    with tenant(second):
        assert cache.get("price") is None
    assert cache.get("price") is None
