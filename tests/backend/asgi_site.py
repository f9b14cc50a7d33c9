"""A site behind ASGI on the backend: `python -m tests.backend.asgi_site FOLDER`, run by the tests.

Sends tens of requests at once, to an asynchronous view and to a synchronous one, until standard input is closed; then
prints the acknowledged writes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import django
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

from .site import PAUSE, until_input_ends

AT_ONCE = 10


def write(key: str) -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO moves (key, account, amount) VALUES (%s, 1, 7)", [key])
        cursor.execute("UPDATE accounts SET balance = balance + 7 WHERE id = 1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM moves WHERE key = %s", [key])
        assert cursor.fetchone() == (1,), f"{key} was written and is not there"


def plain(request, key):
    write(key)
    return HttpResponse(key)


async def asynchronous(request, key):
    await sync_to_async(write)(key)
    return HttpResponse(key)


async def beside(request, key):
    """Write in another thread, which has its own connection."""

    def work() -> None:
        from django.db import connection

        write(key)
        connection.close()

    await sync_to_async(work, thread_sensitive=False)()
    return HttpResponse(key)


urlpatterns = [
    path("plain/<key>", plain),
    path("asynchronous/<key>", asynchronous),
    path("beside/<key>", beside),
]


async def request(application, where: str, key: str) -> bool:
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": f"/{where}/{key}", "headers": []}
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "http.request", "body": b""})
    start = await communicator.receive_output(60)
    await communicator.receive_output(60)
    return start["status"] == 200


async def serve() -> dict[str, list[str]]:
    from django.core.asgi import get_asgi_application

    application, begun = get_asgi_application(), threading.Event()
    ended = until_input_ends(begun)
    reported: dict[str, list[str]] = {"done": [], "errors": []}

    async def client(number: int) -> None:
        count = 0
        while not ended.is_set():
            count += 1
            key = f"{number}-{count}"
            where = ("plain", "asynchronous", "beside")[(number + count) % 3]
            reported["done" if await request(application, where, key) else "errors"].append(key)
            begun.set()
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*(client(number) for number in range(AT_ONCE)))
    return reported


if __name__ == "__main__":
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="tests",
        INSTALLED_APPS=["schemasync"],
        DATABASES={"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": Path(sys.argv[1]) / "db.sqlite3"}},
        SCHEMASYNC={"ON_STARTUP": "ignore"},
    )
    django.setup()
    print(json.dumps(asyncio.run(serve())))
