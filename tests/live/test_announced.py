"""A run announces its phase and progress to other processes while it holds the lock, and not after."""

import json
import time

from schemasync.files.lock import run_lock
from schemasync.sync.run.broadcast import Announced, Running, running
from schemasync.sync.run.progress import Silent
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.databases import V2, filled, read
from tests.crash.processes import Child
from tests.faults.waiting import wait_for


def test_a_run_is_seen_from_another_process_with_its_phase(tmp_path):
    database = filled(tmp_path / "w")

    def observer(when, label):
        if (when, label) == ("before", "BUILD:VERIFY"):
            time.sleep(30)

    run = Child(lambda: sync(database.target(observer), read(V2)).result)
    wait_for(lambda: (seen := running(database.layout)) is not None and seen.phase == "indexes")
    seen = running(database.layout)
    assert seen.actor == "test"
    assert abs(seen.begun - time.time()) < 30
    run.kill()
    run.ended()
    assert running(database.layout) is None, "what a dead run said means nothing"
    assert sync(target(database.link), read(V2)).result == "synced"
    assert running(database.layout) is None
    assert database.layout.lock.read_bytes() == b""


def test_progress_is_announced_now_and_then(tmp_path):
    lock, answers = tmp_path / "lock", []
    with run_lock(lock, 0) as held:

        def write(text):
            held.notice.write(text)
            answers.append(json.loads(lock.read_text()))

        with Announced(Silent(), write, "ann").phase("rows", "rows") as advance:
            for done in range(100):
                advance(done, 100)
                time.sleep(0.005)
    assert [one["phase"] for one in answers[:2]] == ["", "rows"]
    assert 1 <= len(answers) - 2 <= 4, "not for every row"
    assert 0 < answers[-1]["done"] < 100
    assert answers[-1]["total"] == 100


def test_a_rate_and_what_is_left_come_of_what_was_done():
    seen = Running(1, "ann", begun=100.0, phase="rows", unit="rows", done=300, total=400, phase_begun=110.0)
    assert seen.rate(now=140.0) == 10.0
    assert seen.left(now=140.0) == 10.0
    assert Running(1, "ann", begun=100.0).rate(now=140.0) is None
    assert Running(1, "ann", begun=100.0).as_json(now=140.0)["seconds_left"] is None


def test_a_run_that_has_announced_nothing_yet_is_known_to_exist(tmp_path):
    database = filled(tmp_path / "w")
    with run_lock(database.layout.lock, 0) as held:
        assert running(database.layout) == Running(0, "", 0.0)
        Announced(Silent(), held.notice.write, "ä" * 5000).note("ü" * 5000)
        assert len(running(database.layout).note) == 300
