"""plan, check, history, inspect, hash and dry runs: afterwards the folder has the same files with the same bytes."""

import hashlib
import subprocess
import sys

import pytest

from tests.support.project import V2

LOOKS = [
    ["plan"],
    ["plan", "--sql"],
    ["plan", "--rebuild-all", "--allow-older", "--repair"],
    ["check"],
    ["check", "--strict"],
    ["health"],
    ["metrics"],
    ["advise"],
    ["advise", "--indexes"],
    ["history"],
    ["inspect", "{link}"],
    ["hash"],
    ["rollback", "--dry-run"],
    ["rollback"],
    ["prune", "--dry-run"],
    ["eject", "--dry-run"],
]


def names_and_bytes(folder):
    """Return a digest, or the target of a link, by name, without shared-memory files: readers write their position into
    those."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and not path.name.endswith("-shm"))
    }


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def leave_a_log(project):
    """Leave a row in the write-ahead log alone, as a killed writer does."""
    code = (
        "import os, sqlite3\n"
        f"c = sqlite3.connect({str(project.link)!r}, isolation_level=None)\n"
        "c.execute('PRAGMA journal_mode=WAL'); c.execute('PRAGMA user_version = 5'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(
    params=["nothing", "empty", "plain", "plain in wal mode", "kept", "kept, killed writer", "evolved", "broken schema"]
)
def state(request, project):
    match request.param:
        case "nothing":
            pass
        case "empty":
            project.link.touch()
        case "plain":
            project.run_sql("CREATE TABLE Users (id INTEGER PRIMARY KEY)")
        case "plain in wal mode":
            project.run_sql("PRAGMA journal_mode = WAL; CREATE TABLE Users (id INTEGER PRIMARY KEY)")
        case "kept":
            request.getfixturevalue("synced").write(V2)
        case "kept, killed writer":
            request.getfixturevalue("synced").write(V2)
            leave_a_log(project)
        case "evolved":
            request.getfixturevalue("evolved")
        case "broken schema":
            request.getfixturevalue("synced").write("{")
    return project


def test_whatever_is_looked_at_stays_as_it_is(state):
    before, before_names = names_and_bytes(state.folder), names(state.folder)
    for words in LOOKS:
        state.call(*(word.format(link=state.link) for word in words))
        assert names_and_bytes(state.folder) == before, words
        assert names(state.folder) == before_names, words


def test_a_refused_sync_changes_nothing_either(synced):
    synced.write(
        {
            "Users": {
                "id": "INTEGER PRIMARY KEY",
                "name": "TEXT NOT NULL CHECK (name <> 'ann')",
                "age": "INTEGER NOT NULL",
            }
        }
    )
    before = names_and_bytes(synced.folder)
    assert synced.call().code == 3
    assert names_and_bytes(synced.folder) == before


@pytest.mark.parametrize("action", ["plan", "check", "history"])
def test_a_link_that_is_gone_is_not_taken_for_a_database_that_never_was(evolved, action):
    live = evolved.live()
    evolved.link.unlink()
    before = names_and_bytes(evolved.folder)
    ended = evolved.call(action, json=True)
    assert ended.code == 3
    assert "its generations exist: 0001-" in ended.json["errors"][0]["message"]
    assert names_and_bytes(evolved.folder) == before
    assert f"{live} is current" in evolved.done().out
    assert evolved.live() == live
