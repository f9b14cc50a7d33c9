"""After a tenant has moved: request processes follow it, and archives stay."""

import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from wsgiref.simple_server import make_server

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer

from schemasync import api
from schemasync.actions.database import Database
from schemasync.errors import SchemasyncError
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.run.limits import Limits
from schemasync.tenants import lookup, tenant
from schemasync.tenants.models import Tenant
from schemasync.tenants.moving.sender import move_tenant
from schemasync.tenants.moving.sending import MoveLimits
from schemasync.tenants.paths import path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author
from tests.tenants.two_hosts import forked, settings_of, the_south


class _Quiet(WSGIRequestHandler):
    def log_message(self, *words):
        pass


@contextmanager
def _served(host, **more):
    """Serve requests on this host in another process; yield the URL."""
    reading, writing = os.pipe()

    def serve():
        with settings_of(host, **more):
            server = make_server("127.0.0.1", 0, WSGIHandler(), WSGIServer, _Quiet)
            os.write(writing, f"{server.server_port}\n".encode())
            server.serve_forever()

    child = forked(serve)
    os.close(writing)
    try:
        with os.fdopen(reading) as file:
            yield f"http://127.0.0.1:{int(file.readline())}"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _post(url, key, name):
    """Send a POST with this name to a tenant; return the status, Retry-After and Location."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=30)
    headers = {"Host": f"{key}.example.com", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", parts.path or "/write/", f"name={name}", headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers["Retry-After"], answer.headers["Location"]


def a_request_process_that_has_the_file_open_answers_503_and_then_sends_its_requests_to_the_new_host():
    key = new("first")
    Tenant.objects.filter(key=key).update(host="north")
    found, waiting = {}, []

    def ask(when, label):
        if (when, label) == ("before", DiskStep.CUTOVER_FENCE):
            waiting.append(Thread(target=lambda: found.update(waited=_post(north, key, "waited"))))
            waiting[0].start()
        if (when, label) == ("before", DiskStep.HOST_ROW):
            waiting[0].join()
            found["closed"] = _post(north, key, "closed")
        if (when, label) == ("after", DiskStep.HOST_ROW):
            found["moved"] = _post(north, key, "moved")

    with (
        the_south(),
        _served("south") as south,
        _served("north", urls={"north": "http://north.example.com", "south": south}, OTHER_HOST=307) as north,
    ):
        assert _post(north, key, "before") == (200, None, None)
        with settings_of("north"):
            move_tenant(Database("tenant"), key, "south", MoveLimits(20, Limits(20)), Disk(ask))
        assert (found["waited"], found["closed"]) == ((503, "1", None), (503, "1", None)), found
        assert found["moved"] == (307, None, f"{south}/write/"), found
        assert _post(found["moved"][2], key, "there")[0] == 200
        with settings_of("south"), tenant(key):
            assert [one.name for one in Author.objects.order_by("id")] == ["first", "before", "there"]
    Tenant.objects.filter(key=key).delete()


def archives_stay_and_a_copy_of_one_serves_a_rollback_on_the_new_host():
    key = new("first")
    with tenant(key):
        api.sync(database="tenant", rebuild_all=True)
        Author.objects.create(name="since")
    Tenant.objects.filter(key=key).update(host="north")
    with the_south():
        with settings_of("north"):
            done = move_tenant(Database("tenant"), key, "south", MoveLimits(20, Limits(20)))
            (name,) = done.archives
        lookup._rows.clear()
        with settings_of("south"), ThreadPoolExecutor(1) as thread:  # with connections of this host
            thread.submit(_rolled_back_there, key, Path(done.folder, f"{name}.sqlite3")).result()
    Tenant.objects.filter(key=key).delete()


def _rolled_back_there(key, archive):
    with tenant(key):
        with pytest.raises(SchemasyncError) as found:
            api.rollback(database="tenant")
        assert found.value.code == "generation-missing", found.value
        there = path_of(key).with_name("db.sqlite3.generations") / archive.name
        with closing(sqlite3.connect(archive)) as old, closing(sqlite3.connect(there)) as copy:
            old.backup(copy)
        api.rollback(database="tenant")
        assert [one.name for one in Author.objects.all()] == ["first"]
        Author.objects.create(name="there")
