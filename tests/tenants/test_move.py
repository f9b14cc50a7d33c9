"""A tenant moves between two hosts: two folders, each with its own processes, and one default database.
`tests/tenants/claims/killed_moves.py` kills either side at each step."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from schemasync.engines.sqlite.fence import read_fence
from schemasync.files.layout import Layout
from schemasync.files.lock import run_lock
from tests.support.processes import ROOT, environment, run

from .crashes import RECEIVES, SENDS
from .writer import Writer

BEGIN = """
from django.core.management import call_command
from schemasync.tenants import create_tenant, tenant
from tests.tenants.shop.models import Author
for alias in ("default", "tenant"):
    call_command("schemasync", database=alias, export=True, verbosity=0)
create_tenant("acme", host="north")
with tenant("acme"):
    Author.objects.create(name="first")
"""
WRITE = """
from schemasync.tenants import tenant
from tests.tenants.shop.models import Author
with tenant("acme"):
    Author.objects.create(name="NAME")
    print(*Author.objects.order_by("id").values_list("name", flat=True))
"""


class Hosts:
    """Two hosts in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def variables(self, host, **more):
        names = {"DJANGO_SETTINGS_MODULE": "tests.tenants.hosts", "TENANTS_FOLDER": str(self.folder)}
        return environment(TENANT_MOVES_ON=host, **names, **more)

    def python(self, host, code):
        return self.manage(host, "shell", "--verbosity=0", "-c", code)

    def manage(self, host, *words):
        return run(("-m", "django", *words), self.folder, self.variables(host), fresh=True)

    def write(self, host, name):
        """Write a row on a host as the application does. Return all names afterwards, or the error."""
        ended = self.python(host, WRITE.replace("NAME", name))
        return ended.out.split() if ended.code == 0 else ended.err

    def send(self, host, to, when="never", number=0, **more):
        words = (sys.executable, "-m", "tests.tenants.one_side", "send", "acme", to, when, str(number))
        return subprocess.run(words, cwd=ROOT, env=self.variables(host, **more), capture_output=True, text=True)

    def file(self, host):
        return self.folder / host / "acme" / "db.sqlite3"

    def row(self):
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as connection:
            return connection.execute("SELECT host, state FROM schemasync_tenants_tenant").fetchone()

    def is_closed(self, host):
        with closing(sqlite3.connect(self.file(host))) as connection:
            return read_fence(connection) is not None

    def check(self):
        """Assert that no host but that of the row accepts writes; return its name, or "nobody" if its file is
        closed."""
        host, _ = self.row()
        assert self.file(host).exists()
        if host == "south":
            assert self.is_closed("north")
            assert not self.is_closed("south")
        return "nobody" if self.is_closed(host) else host

    def names(self, host):
        with closing(sqlite3.connect(self.file(host))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return [name for (name,) in connection.execute("SELECT name FROM shop_author ORDER BY id")]


@pytest.fixture(scope="module")
def _begun(tmp_path_factory):
    hosts = Hosts(tmp_path_factory.mktemp("hosts") / "begun")
    hosts.folder.mkdir()
    ended = hosts.python("north", BEGIN)
    assert ended.code == 0, ended.err
    return hosts


@pytest.fixture
def hosts(_begun, tmp_path):
    shutil.copytree(_begun.folder, tmp_path / "hosts", symlinks=True)
    return Hosts(tmp_path / "hosts")


@pytest.mark.slow
def test_the_steps_of_both_sides(hosts, tmp_path):
    ended = hosts.send("north", "south", RECEIVE_PASSED=str(tmp_path / "passed"))
    assert ended.returncode == 0, ended.stderr
    assert " ".join(ended.stdout.split("moved")[1].split()[1:]) == SENDS
    assert (tmp_path / "passed").read_text().strip() == RECEIVES


def _finish(hosts, when):
    """Assert that a second call completes the move with every row, also one written in between if that was possible."""
    before = hosts.check()
    written = ["first"]
    if before != "nobody":
        written = hosts.write(before, "between")
        assert written == ["first", "between"], (when, written)
    else:
        assert "has moved" in hosts.write(hosts.row()[0], "refused")
    if hosts.row()[0] == "north":
        ended = hosts.send("north", "south")
        assert ended.returncode == 0, (when, ended.stderr)
    assert hosts.check() == "south", when
    assert hosts.names("south") == written, when
    assert hosts.write("south", "there") == [*written, "there"], when
    assert "OtherHost" in hosts.write("north", "refused"), when


@pytest.mark.slow
def test_an_answer_that_comes_after_the_pause_lets_writers_go_on_until_the_next_one(hosts):
    """The other side has placed the tenant by then, and receives the rows written since."""
    with Writer(hosts.file("north")) as writer:
        ended = hosts.send("north", "south", RECEIVE_SLOW="1", PAUSE="0.9")
        assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout.split()[1]) < 900
    assert 0.9 < writer.longest < 2.5
    assert "has moved to south" in writer.error
    assert hosts.check() == "south"
    assert hosts.names("south") == ["first", *writer.written]


@pytest.mark.slow
@pytest.mark.parametrize(
    "most", [(0, 10**9), (1_000, 10**9), (100_000, 10**9), (160_150, 10**9), (10**9, 0), (10**9, 3), (10**9, 100), (10**9, 344)]
)  # fmt: skip
def test_a_network_that_stops_in_the_middle_ends_in_an_error_and_the_tenant_goes_on_where_it_is(hosts, most):
    there, back = most
    relay = f"{sys.executable} -m tests.tenants.relay {there} {back}"
    ended = hosts.send("north", "south", RELAY=relay, ANSWER="6")
    assert ended.returncode == 1, ended.stdout
    assert "[host-unreachable]" in ended.stderr
    assert (hosts.row(), hosts.check()) == (("north", "active"), "north")
    _finish(hosts, most)


@pytest.mark.slow
def test_a_tenant_goes_there_and_back_and_the_file_of_before_is_kept(hosts):
    for number, (host, to) in enumerate([("north", "south"), ("south", "north"), ("north", "south")]):
        ended = hosts.send(host, to)
        assert ended.returncode == 0, ended.stderr
        assert hosts.write(to, f"n{number}") == ["first", *(f"n{n}" for n in range(number + 1))]
    assert hosts.is_closed("north")
    ended = hosts.manage("north", "schemasync", "tenants", "move", "acme", "--undo")
    assert ended.code == 3
    assert "[other-host]" in ended.err
    with closing(sqlite3.connect(hosts.folder / "south" / ".before" / "acme" / "db.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM shop_author").fetchone() == (2,)


@pytest.mark.slow
def test_nothing_opens_a_closed_file_but_the_end_of_the_move_or_its_undoing(hosts):
    assert hosts.send("north", "south", "before", SENDS.split().index("HOST:ROW")).returncode == -9
    for words in (
        ("schemasync", "tenants", "sync"),
        ("schemasync", "tenants", "backup"),
        ("schemasync", "tenants", "rollback", "acme", "--leave-writes"),
        ("schemasync", "prune", "--tenant", "acme"),
        ("schemasync", "rollback", "--tenant", "acme", "--noinput"),
        ("shell", "-c", "from schemasync.tenants import archive_tenant; archive_tenant('acme')"),
    ):
        hosts.manage("north", *words)
        assert hosts.is_closed("north"), words
    assert "[no-host]" in hosts.manage("north", "schemasync", "tenants", "move", "acme", "--to", "east").err
    ended = hosts.manage("north", "schemasync", "tenants", "move", "acme", "--undo")
    assert ended.code == 0, ended.err
    assert (hosts.row(), hosts.check()) == (("north", "active"), "north")
    _finish(hosts, "undone")


@pytest.mark.slow
def test_a_receiving_side_that_is_left_over_keeps_others_out_and_places_nothing_late(hosts):
    """Its sender is dead, and it hangs: a second move waits for it, and reports that."""
    begin = {
        "do": "begin",
        "size": 0,
        "key": "acme",
        "source": "north",
        "to": "south",
        "generation": "0001-000000000000",
    }
    with closing(sqlite3.connect(hosts.folder / "db.sqlite3")) as connection, connection:
        connection.execute("UPDATE schemasync_tenants_tenant SET state = 'moving'")
    words = (sys.executable, "-m", "tests.tenants.one_side", "receive")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    left = subprocess.Popen(words, cwd=ROOT, env=hosts.variables("south"), **pipes)
    left.stdin.write(json.dumps(begin).encode() + b"\n")
    left.stdin.flush()
    assert left.stdout.readline() == b"{}\n"
    ended = hosts.send("north", "south")
    assert ended.returncode == 1
    assert "[run-in-progress]" in ended.stderr
    left.stdin.close()
    left.wait()
    _finish(hosts, "left over")


@pytest.mark.slow
def test_balance_moves_as_many_tenants_as_it_may_and_ends_when_all_have_their_share(hosts):
    more = "from schemasync.tenants import create_tenant\nfor key in 'abc': create_tenant(key, host='north')"
    assert hosts.python("north", more).code == 0
    assert "unknown" in hosts.manage("north", "schemasync", "tenants", "balance").out
    assert hosts.manage("north", "schemasync", "tenants", "status").code == 0
    found = json.loads(hosts.manage("north", "schemasync", "tenants", "balance", "--json").out)
    assert (found["result"], len(found["proposed"]), found["moved"]) == ("planned", 2, [])
    assert {one["host"]: round(one["size"]) for one in found["hosts"]} == {"north": 2, "south": 0}
    words = ("schemasync", "tenants", "balance", "--apply", "--json")
    found = json.loads(hosts.manage("north", *words).out)
    assert (found["result"], len(found["moved"])) == ("moved", 1)
    found = json.loads(hosts.manage("north", *words, "--max-moves", "5").out)
    assert len(found["moved"]) == 1
    assert json.loads(hosts.manage("north", *words).out)["result"] == "current"
    assert json.loads(hosts.manage("south", *words).out)["result"] == "current"


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--undo",), ("--to", "south")], ids=" ".join)
def test_whoever_waited_for_a_move_to_end_finds_the_tenant_on_the_other_host(hosts, words):
    """The file stays closed, because the other host accepts writes by then."""
    assert hosts.send("north", "south", "before", SENDS.split().index("HOST:ROW")).returncode == -9
    command = (sys.executable, "-m", "django", "schemasync", "tenants", "move", "acme", *words)
    with run_lock(Layout(hosts.file("north")).lock, 0):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        waiting = subprocess.Popen(command, cwd=ROOT, env=hosts.variables("north"), text=True, **pipes)
        assert "another run is at work" in waiting.stdout.readline()
        with closing(sqlite3.connect(hosts.folder / "db.sqlite3")) as connection, connection:
            connection.execute("UPDATE schemasync_tenants_tenant SET host = 'south', state = 'active'")
    assert "[other-host]" in waiting.communicate()[1]
    assert (waiting.returncode, hosts.row(), hosts.check()) == (3, ("south", "active"), "south")
