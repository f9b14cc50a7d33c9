"""The receiving side of a move verifies the received data before it switches anything."""

import io
import json
import shutil
from contextlib import contextmanager
from hashlib import sha256

import pytest

from schemasync import databases
from schemasync.actions.database import Database
from schemasync.engines.sqlite.log_tail import followed
from schemasync.errors import Code, Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.files.layout import Layout
from schemasync.sync.run.limits import Limits
from schemasync.tenants import lookup, tenant
from schemasync.tenants.models import State, Tenant
from schemasync.tenants.moving import sending
from schemasync.tenants.moving.channel import Channel, _line_of
from schemasync.tenants.moving.receiver import serve
from schemasync.tenants.moving.sender import move_tenant
from schemasync.tenants.moving.sending import MoveLimits
from schemasync.tenants.paths import path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author
from tests.tenants.two_hosts import FOLDER, settings_of, the_south


def _changed(data):
    """Return the data with one bit flipped."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _row(key):
    return Tenant.objects.filter(key=key).values_list("host", "state").get()


def _names(key):
    with tenant(key):
        return [one.name for one in Author.objects.order_by("id")]


def _write(key, name):
    with tenant(key):
        Author.objects.create(name=name)


def _answers(*requests):
    """Return the responses of the receiving side to these requests: (what, data, more)."""
    sent = b"".join(_line_of(what, len(data), more) + data for what, data, more in requests)
    written = io.BytesIO()
    with settings_of("south"):
        serve(io.BytesIO(sent), written, Disk())
    return [json.loads(line) for line in written.getvalue().splitlines()]


@contextmanager
def _changing(what):
    """Change the data of these requests in transit, but not its digest, until the block ends."""
    put, chunks = Channel.put, sending._chunks

    def changing(self, name, data=b"", **more):
        put(self, name, _changed(data) if name == what else data, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Channel, "put", changing)
        if what == "copy":
            patch.setattr(sending, "_chunks", lambda *given: map(_changed, chunks(*given)))
        yield


def a_copy_a_part_of_the_log_or_a_history_that_differs_is_refused_and_gets_no_name():
    key, opener = new("first"), databases.opener("tenant")
    live, copied = Layout(path_of(key)).live(), path_of(key).with_name("copy")
    with followed(opener, live.path) as tail:
        opener.copy(live.path, copied)
        _write(key, "later")
        part = tail.read()
    content = copied.read_bytes()
    Tenant.objects.filter(key=key).update(host="north", state=State.MOVING)
    begin = ("begin", b"", {"key": key, "source": "north", "to": "south", "generation": live.name})
    copy = ("copy", content, {"digest": sha256(content).hexdigest()})
    log = ("log", part.data, sending._named(part))
    rest = {"offset": part.end, "digest": sha256(b"").hexdigest(), "frames": part.frames}
    version = Tenant.objects.get(key=key).version
    for *before, last in (
        (begin, (copy[0], _changed(content), copy[2])),
        (begin, copy, (log[0], _changed(part.data), log[2])),
        (begin, copy, (log[0], part.data, {**log[2], "offset": 32})),
        (begin, copy, (log[0], part.data, {**log[2], "frames": part.frames + 1})),
        (begin, copy, log, ("finish", b"", {**rest, "version": "another"})),
    ):
        *well, refused = _answers(*before, last)
        assert [one for one in well if "error" in one] == []
        assert refused["error"]["code"] == Code.VERIFY_DIFFERS, (last[0], refused)
        assert _row(key) == ("north", "moving")
        assert _folders() == []
    found = _answers(begin, copy, log, ("finish", b"", {**rest, "version": version}))
    assert [one for one in found if "error" in one] == []
    assert _folders() == [key], "what does not differ is placed"
    assert _row(key) == ("north", "moving")
    Tenant.objects.filter(key=key).delete()
    shutil.rmtree(FOLDER / "south")


def _folders():
    """Return the folders that have a name on the other host."""
    return [one.name for one in (FOLDER / "south").iterdir() if one.name != ".receiving"]


def a_move_whose_content_changes_on_its_way_leaves_the_tenant_in_use_where_it_is():
    with the_south():
        for what, step in (("copy", None), ("log", DiskStep.HOST_COPY), ("finish", DiskStep.HOST_SYNC)):
            key = new("first")
            Tenant.objects.filter(key=key).update(host="north")
            lookup._rows.clear()

            def write(when, label, key=key, step=step):
                if (when, label) == ("after", step):
                    _write(key, "meanwhile")

            with settings_of("north"), _changing(what), pytest.raises(Failed, match="is not what was sent") as found:
                move_tenant(Database("tenant"), key, "south", MoveLimits(120, Limits(120)), Disk(write))
            assert (found.value.code, found.value.problems[0].facts["host"]) == (Code.VERIFY_DIFFERS, "south")
            assert _row(key) == ("north", "active")
            assert _folders() == []
            with settings_of("north"):
                _write(key, "afterwards")
                assert _names(key) == ["first", *["meanwhile"] * (what != "copy"), "afterwards"]
            Tenant.objects.filter(key=key).delete()
