"""A rollback that keeps writes, beside writers: the new file has the rows written during its build, with the archive's
values."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.errors import Busy, Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync import prune
from schemasync.sync.run.limits import Limits

from .stories import ID, Story

USERS = {"id": ID, "name": "TEXT NOT NULL", "phone": "TEXT NOT NULL DEFAULT 'none'"}
NEWER = {"users": {"id": ID, "name": "TEXT NOT NULL", "nick": "TEXT", "_dropped": ["phone"]}, "_dropped": ["notes"]}
OLDER = {"users": USERS, "notes": {"id": ID, "user": "INTEGER REFERENCES users (id) ON DELETE CASCADE"}}
ROWS = """WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300)
    INSERT INTO users (name, phone) SELECT 'u' || x, 'p' || x FROM n; INSERT INTO notes (user) VALUES (1);"""
MOMENTS = [DiskStep.CAPTURE_INSTALL, DiskStep.BUILD_START, DiskStep.BUILD_REFILL, DiskStep.BUILD_RENAME]


@pytest.fixture
def story(tmp_path):
    story = Story(tmp_path, OLDER, ROWS)
    story.sync(NEWER)
    return story


def at(story, moment, action):
    done = []

    def observer(when, label):
        if (when, label) == ("after", moment) and not done:
            done.append(True)
            action()

    return replace(story.target, disk=Disk(observer))


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_written_meanwhile_has_the_values_of_the_archive(story, moment):
    written = """UPDATE users SET name = 'changed' WHERE id = 2; DELETE FROM users WHERE id = 3; INSERT INTO users (name) VALUES ('new');
        INSERT OR REPLACE INTO users (id, name) VALUES (4, 'replaced'); UPDATE users SET id = 1000 WHERE id = 5"""
    done = story.back(at=at(story, moment, lambda: story.write(written)))
    assert done.followed is not None
    some = story.ask("SELECT * FROM users WHERE id < 7 OR id > 299 ORDER BY id")
    assert some == [
        (1, "u1", "p1"), (2, "changed", "p2"), (4, "replaced", "p4"), (6, "u6", "p6"),
        (300, "u300", "p300"), (301, "new", "none"), (1000, "u5", "none"),
    ]  # fmt: skip
    assert story.ask("SELECT count(*), sum(phone = 'none') FROM users") == [(300, 2)]
    assert story.ask("SELECT * FROM notes") == [(1, 1)]


def test_a_deletion_meanwhile_that_leaves_a_row_of_the_archive_without_its_parent_ends_the_run(story):
    late = at(story, DiskStep.BUILD_RENAME, lambda: story.write("DELETE FROM users WHERE id = 1"))
    with pytest.raises(Failed) as caught:
        story.back(at=late, limits=Limits(cutover_timeout=5.0))
    assert "notes" in str(caught.value) or "users" in str(caught.value)
    assert story.live() == "0002"
    assert story.ask("SELECT count(*) FROM users") == [(299,)]


def test_nobody_prunes_the_archive_while_it_is_read(story):
    story.sync({**NEWER, "more": {"id": ID}})
    reported = []

    def action():
        with pytest.raises(Busy):
            prune.prune(replace(story.target, wait=0.0), keep=1, older_than=None, dry_run=False)
        reported.append(True)

    story.back("0001", at=at(story, DiskStep.BUILD_START, action))
    assert reported
    assert story.ask("SELECT phone FROM users WHERE id = 1") == [("p1",)]


def test_under_load_no_acknowledged_write_is_lost(story):
    stop, acknowledged = threading.Event(), []
    writers = [threading.Thread(target=write, args=(story.link, number, stop, acknowledged)) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        wait_for(acknowledged, 30)
        done = story.back()
        wait_for(acknowledged, 30)
        again = story.back()
        wait_for(acknowledged, 30)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert (done.generation.number, again.generation.number) == (3, 4)
    there = {name for (name,) in story.ask("SELECT name FROM users")}
    assert set(acknowledged) - there == set()
    story.back()
    assert set(acknowledged) - {name for (name,) in story.ask("SELECT name FROM users WHERE phone = 'none'")} == set()
    assert story.ask("SELECT count(*) FROM users WHERE phone = 'p' || id") == [(300,)]


def wait_for(acknowledged, more):
    enough, deadline = len(acknowledged) + more, threading.Event()
    for _ in range(600):
        if len(acknowledged) >= enough:
            return
        deadline.wait(0.05)
    raise AssertionError("the writers do not get on")


def write(link, number, stop, acknowledged):
    """Insert rows by new connections, and note each one that was acknowledged."""
    count = 0
    while not stop.is_set():
        count += 1
        name = f"w{number}-{count}"
        try:
            with closing(sqlite3.connect(link, timeout=10)) as connection, connection:
                connection.execute("INSERT INTO users (name) VALUES (?)", (name,))
        except sqlite3.OperationalError as error:
            assert "superseded" in str(error) or "locked" in str(error), error
            continue
        acknowledged.append(name)
        stop.wait(0.005)  # a writer that never pauses starves all others
