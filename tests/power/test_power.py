"""Power loss, played by the system calls of a real run: pending changes may be lost, and the database stays whole."""

import pytest

from schemasync.files.disk import DiskStep

from .calls import Call, Folder, Made, Pointed, Reader, Removed, Renamed, Resized, Said, Synced, Written
from .model import Disk
from .player import Player, State, states
from .recorder import Recording, record, strace


def paths(content):
    return {path: content.files.get(node, content.links.get(node)) for path, node in content.walk()}


def epochs(*changes):
    """Return the epochs of these changes, each of which is a call of its own."""
    return list(Disk().epochs(Call(number, number, change) for number, change in enumerate(changes, 1)))


def test_what_no_fsync_covers_is_there_or_not_each_by_itself():
    (epoch,) = epochs(Made("a", False), Written("a", None, b"one"), Written("a", None, b"two"))
    assert paths(epoch.state(())) == {}
    assert paths(epoch.state((0,))) == {"a": b""}
    assert paths(epoch.state((0, 2))) == {"a": b"\0\0\0two"}
    assert paths(epoch.state((0, 1, 2))) == {"a": b"onetwo"}


def test_an_fsync_of_the_file_does_not_make_its_name_durable_and_one_of_the_folder_not_its_content():
    content = epochs(Made("a", False), Written("a", 0, b"one"), Synced("a"))[-1]
    assert [paths(content.state(kept)) for kept in ((), (0,))] == [{}, {"a": b"one"}]
    named = epochs(Made("a", False), Written("a", 0, b"one"), Synced(""))[-1]
    assert [paths(named.state(kept)) for kept in ((), (0,))] == [{"a": b""}, {"a": b"one"}]


def test_a_rename_happens_as_a_whole_and_is_durable_when_both_folders_are():
    made = (Folder("f"), Made("a", False), Synced(""), Renamed("a", "f/b"))
    moved = {"f": None, "f/b": b""}
    assert [paths(epochs(*made)[-1].state(kept)) for kept in ((), (0,))] == [{"a": b"", "f": None}, moved]
    assert paths(epochs(*made, Synced(""))[-1].state(())) == {"a": b"", "f": None}
    assert paths(epochs(*made, Synced(""), Synced("f"))[-1].state(())) == moved


def test_two_names_are_exchanged_and_a_removed_one_may_come_back():
    exchanged = epochs(
        Made("a", False), Pointed("l", "a"), Synced(""), Renamed("l", "a", is_exchange=True), Synced(""), Removed("l")
    )[-1]
    assert [paths(exchanged.state(kept)) for kept in ((), (0,))] == [{"a": "a", "l": b""}, {"a": "a"}]


def test_an_fsync_covers_only_what_ended_before_it_began():
    calls = [
        Call(1, 1, Made("a", False)),
        Call(2, 4, Written("a", 0, b"late")),
        Call(3, 5, Synced("a")),
        Call(6, 6, Synced("")),
    ]
    assert paths(list(Disk().epochs(calls))[-1].state(())) == {"a": b""}


def test_calls_are_read_with_bytes_of_any_kind_where_they_end(tmp_path):
    log = r"""7  openat(AT_FDCWD</x>, "/r/a b", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3</r/a b>
7  pwrite64(3</r/a b>, "\x00\"3</r/c>" <unfinished ...>
8  write(4</m>, "said\n", 5) = 5
7  <... pwrite64 resumed>, 9, 5) = 9
8  rename("/r/a b", "/r/c\n") = -1 ENOENT (No such file or directory)
8  renameat2(AT_FDCWD</r>, "a b", AT_FDCWD</r>, "c", RENAME_EXCHANGE) = 0
7  symlinkat("../t", 5</r/f>, "l") = 0
7  unlinkat(5</r/f>, "l", 0) = 0
7  ftruncate(3</r/c>(deleted), 12) = 0
7  pwrite64(6</elsewhere>, "x", 1, 0) = 1
7  fsync(5</r>) = 0
"""
    assert [call.change for call in Reader(tmp_path.__class__("/r"), tmp_path.__class__("/m")).calls(log)] == [
        Made("a b", False),
        Said("said"),
        Written("a b", 5, b'\0"3</r/c>'),
        Renamed("a b", "c", is_exchange=True),
        Pointed("f/l", "../t"),
        Removed("f/l"),
        Resized("c(deleted)", 12),
        Synced(""),
    ]


@pytest.fixture(scope="module")
def recorded(memory):
    """An adoption of a file with a rollback journal, which SQLite removes at each commit."""
    from tests.crash.prepared_scenario import PreparedScenario

    if strace() is None:
        pytest.skip("strace is not installed, or may not trace here")
    folder = memory / "power"
    folder.mkdir()
    prepared = PreparedScenario("adopt_journal", folder / "stage")
    return Player(prepared, folder), record(["tests.power.recorder", "adopt_journal"], prepared.before.folder, folder)


def of_the_swap(epochs):
    """Return the states of the moments from the commit of the fence until the link has moved."""
    said = epochs[-1].said
    first, last = said.index(f"after {DiskStep.CUTOVER_FENCE}"), said.index(f"after {DiskStep.CUTOVER_FOLDER}")
    return states([epoch for epoch in epochs if first < len(epoch.said) <= last + 3], seed=1, more=0)


def test_after_a_power_loss_in_a_swap_every_acknowledged_row_is_there(recorded):
    player, recording = recorded
    played = of_the_swap(recording.epochs())
    for state in played[:: max(1, len(played) // 8)]:
        player.play(state, is_finished=False)
    player.play(played[-1])
    assert player.counts.total() >= 8


def without_last_sync_of_the_commit(calls):
    """Return the calls without the sync of the folder after the commit of the fence has removed the journal."""
    end = calls.index(next(call for call in calls if call.change == Said(f"after {DiskStep.CUTOVER_FENCE}")))
    last = max(n for n, call in enumerate(calls[:end]) if call.change == Synced(""))
    return calls[:last] + calls[last + 1 :]


def test_a_commit_that_does_not_sync_the_removal_of_its_journal_would_lose_rows(recorded):
    player, recording = recorded
    calls = without_last_sync_of_the_commit(recording.calls)
    epochs = Recording(recording.before, calls).epochs()
    number = next(n for n, epoch in enumerate(epochs) if f"before {DiskStep.CUTOVER_FOLDER}" in epoch.said)
    with pytest.raises(AssertionError, match="is lost"):
        player.play(State(epochs[number], number, ()))
