"""A link to a generation with the name of a generation, made by hand: an action on it would reach the same file."""

import os

import pytest

from schemasync.sync.prune import archives, prune
from schemasync.sync.runner import sync
from tests.crash.databases import V2, dump, fence_of, point, read, recovery, write
from tests.crash.processes import child

LATER = {**V2, "more": {"id": "INTEGER PRIMARY KEY"}}
NAME = "0009-aaaaaaaaaaaa.sqlite3"
KINDS = {"symbolic link": os.symlink, "hard link": os.link}


@pytest.fixture(params=KINDS)
def alias(request):
    def make(path, name=NAME):
        KINDS[request.param](path, path.with_name(name))
        return path.with_name(name)

    return make


@pytest.fixture
def database(prepare, tmp_path):
    """Generation 2 is live, generation 1 is its archive."""
    return prepare("fresh").copy(tmp_path / "w")


def run(database, tree):
    reported = []

    class Listener:
        def note(self, text):
            reported.append(text)

        def phase(self, name, unit):
            from schemasync.sync.run.progress import Silent

            return Silent().phase(name, unit)

    return child(lambda: (sync(database.target(progress=Listener()), read(tree)).result, reported)).result()


def test_the_live_file_takes_writes_and_the_other_name_is_reported(database, alias):
    other = alias(database.layout.live().path)
    for _ in range(2):
        result, reported = run(database, V2)
        assert result == "current"
        assert any(f"rm {other}" in line for line in reported)
        assert fence_of(database.link) is None
        assert write(database.link, "goes on") is None


def test_a_run_swaps_and_the_old_file_is_closed_once(database, alias):
    other = alias(database.layout.live().path)
    assert run(database, LATER)[0] == "synced"
    assert database.layout.live().number == 10
    assert os.path.lexists(other)
    assert child(lambda: len(archives(database.target()))).result() == 2
    assert child(lambda: recovery(database.target())).result() == ()
    assert write(database.link, "goes on") is None


def test_a_second_name_of_an_archive_does_not_count_as_the_newest_one(database, alias):
    first = database.files()[0]
    alias(first)
    gone = child(lambda: [a.generation.name for a in prune(database.target(), 1, None, dry_run=False).gone]).result()
    assert gone == []
    assert first.is_file()


def test_a_link_that_is_missing_is_made_again_although_its_file_has_two_names(database, alias):
    live = database.layout.live().path
    alias(live)
    database.link.unlink()
    assert len(child(lambda: recovery(database.target())).result()) == 1
    assert database.layout.live().path == live


def test_the_name_that_the_path_names_is_the_one_that_counts(database, alias):
    """Somebody pointed the link at the second name of the live file. That name is live, and a run does not close it."""
    before = dump(database.link)
    other = alias(database.layout.live().path)
    point(database, other.name)
    assert run(database, V2)[0] == "current"
    assert dump(database.link) == before
    assert write(database.link, "goes on") is None
