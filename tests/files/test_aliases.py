"""A link to a generation that is called like one, made by hand: whatever is done to it would be done to the file."""

import os

import pytest

from schemasync.sync.prune import archives, prune
from schemasync.sync.runner import sync
from tests.crash.processes import child
from tests.crash.worlds import V2, dump, fence_of, point, read, recovery, write

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
def world(stages, tmp_path):
    """Generation 2 is live, generation 1 is its archive."""
    return stages("fresh").copy(tmp_path / "w")


def run(world, tree):
    told = []

    class Listener:
        def note(self, text):
            told.append(text)

        def phase(self, name, unit):
            from schemasync.sync.run.progress import Silent

            return Silent().phase(name, unit)

    return child(lambda: (sync(world.target(progress=Listener()), read(tree)).result, told)).result()


def test_the_live_file_takes_writes_and_the_other_name_is_told(world, alias):
    other = alias(world.layout.live().path)
    for _ in range(2):
        result, told = run(world, V2)
        assert result == "current"
        assert any(f"rm {other}" in line for line in told)
        assert fence_of(world.link) is None
        assert write(world.link, "goes on") is None


def test_a_run_swaps_and_the_old_file_is_closed_once(world, alias):
    other = alias(world.layout.live().path)
    assert run(world, LATER)[0] == "synced"
    assert world.layout.live().number == 10
    assert os.path.lexists(other)
    assert child(lambda: len(archives(world.target()))).result() == 2
    assert child(lambda: recovery(world.target())).result() == ()
    assert write(world.link, "goes on") is None


def test_a_second_name_of_an_archive_does_not_count_as_the_newest_one(world, alias):
    first = world.files()[0]
    alias(first)
    gone = child(lambda: [a.generation.name for a in prune(world.target(), 1, None, dry_run=False).gone]).result()
    assert gone == []
    assert first.is_file()


def test_a_link_that_is_missing_is_made_again_although_its_file_has_two_names(world, alias):
    live = world.layout.live().path
    alias(live)
    world.link.unlink()
    assert len(child(lambda: recovery(world.target())).result()) == 1
    assert world.layout.live().path == live


def test_the_name_that_the_path_names_is_the_one_that_counts(world, alias):
    """Somebody pointed the link at the further name: that is live, and nothing closes it."""
    before = dump(world.link)
    other = alias(world.layout.live().path)
    point(world, other.name)
    assert run(world, V2)[0] == "current"
    assert dump(world.link) == before
    assert write(world.link, "goes on") is None
