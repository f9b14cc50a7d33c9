"""A complete copy of a generation becomes live under its own name, as copies of test databases do."""

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.copies import exact_copy, plain_copy
from schemasync.errors import Refused
from schemasync.sync.place import place
from tests.crash.databases import SampleDatabase, dump, evolved, first, history, plain, recovery


@pytest.fixture
def evolved_world(tmp_path):
    return evolved(tmp_path / "evolved")


def copy_of(database, how=exact_copy):
    return lambda path: how(Opener(), database.link, path)


def test_it_is_the_generation_with_all_rows_and_its_history(evolved_world, tmp_path):
    there = first(tmp_path / "there")
    place(there.target(), copy_of(evolved_world))
    assert there.layout.live().name == evolved_world.layout.live().name
    assert dump(there.link) == dump(evolved_world.link)
    assert history(there.link) == history(evolved_world.link)
    assert recovery(there.target()) == ()


def test_what_is_at_the_path_already_stays(evolved_world, tmp_path):
    there = plain(tmp_path / "there", "wal")
    before = dump(there.link)
    with pytest.raises(Refused, match="exists already"):
        place(there.target(), copy_of(evolved_world))
    assert dump(there.link) == before
    assert there.files() == []


def test_a_file_without_a_history_is_no_generation(tmp_path):
    without, there = plain(tmp_path / "plain", "wal"), first(tmp_path / "there")
    with pytest.raises(Refused, match="no history"):
        place(there.target(), copy_of(without, plain_copy))
    assert SampleDatabase(there.folder).files() == []
