"""Somebody puts another file over the link, or takes it away, while a run is at work: what they put there stays."""

import os
import shutil

import pytest

from schemasync.files import exchange
from schemasync.files.disk import Disk, DiskStep
from schemasync.files.layout import PathKind
from schemasync.sync import adopt as adoption
from schemasync.sync.adopt import adopt
from schemasync.sync.phases import cutover
from schemasync.sync.runner import sync
from tests.crash.processes import child, sqlite
from tests.crash.scenarios import SCENARIOS, leave_a_log
from tests.crash.worlds import V2, dump, fence_of, notes, point, read, recovery, whole, write
from tests.support.sample import some

MINE = "put here by hand"
BUILDING = [label for label in SCENARIOS["evolve"].passes if label.startswith("BUILD")]


def put_file(link):
    """As `mv backup.sqlite3 db.sqlite3` does: another file of the same name."""
    beside = link.with_name("beside.sqlite3")
    with sqlite(beside, mode="rwc") as connection:
        connection.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("INSERT INTO ledger (note) VALUES (?)", (MINE,))
    beside.rename(link)


def take_away(link):
    link.unlink()


class Once:
    """An observer that does something once, at a moment."""

    def __init__(self, when, label, deed):
        self.when, self.label, self.deed = when, label, deed

    def __call__(self, when, label):
        if (when, label) == (self.when, self.label):
            self.deed()


def refused_run(world, observer, tree=V2):
    return child(lambda: sync(world.target(observer), read(tree))).refusal()


def moments():
    """Before the first step and the last one, in the middle, and after the last; the others are for --every."""
    for label in BUILDING:
        for when in ("before", "after"):
            often = label == BUILDING[-1] or (when == "before" and label in (BUILDING[0], DiskStep.BUILD_VERIFY))
            yield pytest.param(label, when, marks=[] if often else [pytest.mark.slow])


@pytest.mark.parametrize(("label", "when"), list(moments()))
def test_a_file_put_over_the_link_while_a_generation_is_built_stays(stages, tmp_path, label, when):
    world = stages("evolve").copy(tmp_path / "w")
    first = world.files()[0]
    trouble = refused_run(world, Once(when, label, lambda: put_file(world.link)))
    assert (trouble.kind, trouble.codes) == ("Failed", ("changed-during-run",))
    assert world.layout.path_kind() is PathKind.PLAIN
    assert notes(world.link) == {MINE}
    assert world.files() == [first]
    assert fence_of(first) is None
    assert dump(first) == stages("evolve").old


@pytest.mark.parametrize("label", [DiskStep.CUTOVER_UNMARK])
def test_a_file_put_over_the_link_in_the_middle_of_the_swap_stays(stages, tmp_path, label):
    """The swap is committed: every row is in the new generation, whatever stands at the link."""
    world = stages("evolve").copy(tmp_path / "w")
    trouble = refused_run(world, Once("after", label, lambda: put_file(world.link)))
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("NeedsPerson", ("swap-unfinished",), 6)
    assert "put there" in trouble.text
    assert notes(world.link) == {MINE}
    assert child(lambda: recovery(world.target())).result() == ()
    assert notes(world.link) == {MINE}
    assert dump(world.files()[1]) == stages("evolve").new

    world.link.rename(world.folder / "mine.sqlite3")  # what the message says
    assert len(child(lambda: recovery(world.target())).result()) == 1
    assert dump(world.link) == stages("evolve").new
    assert write(world.link, "goes on") is None


def test_an_old_file_that_is_deleted_in_the_middle_of_the_swap_does_not_hold_it_up(stages, tmp_path):
    """All rows are in the new one by then, and the link leads nowhere."""
    world = stages("evolve").copy(tmp_path / "w")
    observer = Once("after", DiskStep.CUTOVER_UNMARK, world.files()[0].unlink)
    assert child(lambda: sync(world.target(observer), read(V2)).result).result() == "synced"
    assert dump(world.link) == stages("evolve").new
    assert world.recovered() == ()


@pytest.mark.parametrize("label", [DiskStep.BUILD_CREATE, DiskStep.BUILD_SEAL])
def test_a_link_that_is_taken_away_is_not_made_again(stages, tmp_path, label):
    world = stages("evolve").copy(tmp_path / "w")
    trouble = refused_run(world, Once("before", label, lambda: take_away(world.link)))
    assert trouble.codes == ("changed-during-run",)
    assert world.layout.path_kind() is PathKind.NOTHING
    assert fence_of(world.files()[0]) is None


# The link is looked at when the file is built: one moment before that is as good as another.
@pytest.mark.slow(but=["BUILD:SEAL"])
@pytest.mark.parametrize("label", some(BUILDING, {DiskStep.BUILD_CREATE, DiskStep.BUILD_SEAL, BUILDING[-1]}))
def test_a_link_that_is_moved_by_hand_meanwhile_stays(stages, tmp_path, label):
    world = stages("evolve_and_prune").copy(tmp_path / "w")
    other = world.files()[0]
    observer = Once("before", label, lambda: point(world, other.name))
    trouble = refused_run(world, observer, SCENARIOS["evolve_and_prune"].current)
    assert trouble.codes == ("changed-during-run",)
    assert world.layout.live().path == other


# --- adoption ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label", some([label for label in BUILDING if label != DiskStep.BUILD_ROUND], {DiskStep.BUILD_CREATE, BUILDING[-1]})
)
def test_a_file_put_in_place_of_one_that_is_taken_over_stays(stages, tmp_path, label):
    """Not so where the old one has a log: SQLite itself takes that for the new one's, whoever moves the files."""
    world = stages("adopt_journal").copy(tmp_path / "w")
    observer = Once("before", label, lambda: put_file(world.link))
    trouble = child(lambda: adopt(world.target(observer), None)).refusal()
    assert trouble.codes == ("changed-during-run",)
    assert world.layout.path_kind() is PathKind.PLAIN
    assert notes(world.link) == {MINE}
    assert world.files() == []


def test_a_file_put_in_place_between_looking_and_holding_stays(stages, tmp_path, monkeypatch):
    """What was looked at and what is held would be two files: the copy would be of the one, the fence in the other."""
    world = stages("adopt_journal").copy(tmp_path / "w")
    real = adoption.write_lock

    def meanwhile(*given):
        put_file(world.link)
        return real(*given)

    monkeypatch.setattr(adoption, "write_lock", meanwhile)
    trouble = child(lambda: adopt(world.target(), None)).refusal()
    assert trouble.codes == ("changed-during-run",)
    assert notes(world.link) == {MINE}
    assert fence_of(world.link) is None
    assert world.files() == []


def test_a_schema_that_changes_between_looking_and_holding_is_not_taken_over_half(stages, tmp_path, monkeypatch):
    world = stages("adopt_journal").copy(tmp_path / "w")
    real = adoption.write_lock

    def meanwhile(*given):
        with sqlite(world.link) as connection:
            connection.execute("ALTER TABLE papers ADD COLUMN late")
        return real(*given)

    monkeypatch.setattr(adoption, "write_lock", meanwhile)
    trouble = child(lambda: adopt(world.target(), None)).refusal()
    assert (trouble.kind, trouble.codes) == ("Refused", ("changed-during-run",))
    assert fence_of(world.link) is None
    monkeypatch.undo()
    child(lambda: adopt(world.target(), None)).result()
    assert "late" in next(row for row in dump(world.link)["schema"] if row[1] == "papers")[3]


# --- dangling ---------------------------------------------------------------------------------------------------


def test_a_dangling_link_never_makes_a_file(stages, tmp_path):
    world = stages("fresh").copy(tmp_path / "w")
    world.files()[1].unlink()
    names = world.names()
    for act in (
        lambda: sync(world.target(), read(V2)),
        lambda: adopt(world.target(), None),
        lambda: recovery(world.target()),
    ):
        trouble = child(act).refusal()
        assert (trouble.codes, trouble.exit_code) == (("generation-missing",), 6)
        assert world.names() == names
    assert not os.path.lexists(world.layout.live().path)


def test_a_generation_that_vanishes_while_it_is_replaced_is_not_made_again(stages, tmp_path):
    """Someone deletes the live file under the run: its rows are in the copy, but that was never live."""
    world = stages("evolve").copy(tmp_path / "w")
    first = world.files()[0]
    trouble = refused_run(world, Once("before", DiskStep.BUILD_RESHAPE, first.unlink))
    assert trouble.exit_code in (3, 4)
    assert not first.exists()


def test_the_archives_that_are_there_stay_whole(stages, tmp_path):
    world = stages("evolve_and_prune").copy(tmp_path / "w")
    observer = Once("before", DiskStep.BUILD_SEAL, lambda: put_file(world.link))
    trouble = refused_run(world, observer, SCENARIOS["evolve_and_prune"].current)
    assert trouble.codes == ("changed-during-run",)
    assert len(world.files()) == 4
    assert all(whole(path) for path in world.files())


# --- in the moment of the swap ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "label"), [("before", DiskStep.CUTOVER_SYMLINK), ("before", DiskStep.CUTOVER_FENCE)])
def test_a_file_put_over_the_link_before_the_fence_stays_and_nothing_is_closed(stages, tmp_path, when, label):
    world = stages("evolve").copy(tmp_path / "w")
    first = world.files()[0]
    trouble = refused_run(world, Once(when, label, lambda: put_file(world.link)))
    assert (trouble.kind, trouble.codes) == ("Failed", ("changed-during-run",))
    assert notes(world.link) == {MINE}
    assert fence_of(first) is None
    assert world.files() == [first]
    assert world.layout.next_links() == ()


@pytest.mark.slow(
    but=["before it is looked at-evolve", "after it was looked at-rollback", "after it was looked at-adopt_journal"]
)
@pytest.mark.parametrize("scenario", ["evolve", "evolve_paused", "adopt_journal", "rollback"])
@pytest.mark.parametrize("is_late", [False, True], ids=["before it is looked at", "after it was looked at"])
def test_a_file_put_there_right_before_the_link_moves_stays(stages, tmp_path, monkeypatch, scenario, is_late):
    """rename(2) would replace it. The names are exchanged, and what came out is put back."""
    stage = stages(scenario)
    world = stage.copy(tmp_path / "w")
    observer = Once("before", DiskStep.CUTOVER_LINK, lambda: None if is_late else put_file(world.link))
    if is_late:
        put_after_the_look(monkeypatch, world)
    trouble = child(lambda: stage.scenario.act(world.target(observer))).refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("NeedsPerson", ("swap-unfinished",), 6)
    assert "put there" in trouble.text
    assert world.layout.path_kind() is PathKind.PLAIN
    assert notes(world.link) == {MINE}
    assert world.layout.next_links() == ()
    world.link.rename(world.folder / "mine.sqlite3")  # what the message says
    child(lambda: recovery(world.target())).result()
    assert dump(world.link) == stage.new


@pytest.mark.parametrize("is_late", [False, True], ids=["before it is looked at", "after it was looked at"])
def test_a_file_put_there_in_the_moment_of_an_eject_stays(stages, tmp_path, monkeypatch, is_late):
    stage = stages("eject")
    world = stage.copy(tmp_path / "w")
    observer = Once("before", DiskStep.CUTOVER_LINK, lambda: None if is_late else put_file(world.link))
    if is_late:
        put_after_the_look(monkeypatch, world)
    trouble = child(lambda: stage.scenario.act(world.target(observer))).refusal()
    assert trouble.codes == ("swap-unfinished",)
    assert notes(world.link) == {MINE}
    assert dump(world.layout.plain) == stage.new


def put_after_the_look(monkeypatch, world):
    """The file is put there between the look at the path and the call that moves the link."""
    real, asked = cutover._is_expected, []

    def looked_at(target, over, path):
        answer = real(target, over, path)
        if not asked:
            put_file(world.link)
        asked.append(path)
        return answer

    monkeypatch.setattr(cutover, "_is_expected", looked_at)


def test_where_names_cannot_be_exchanged_a_file_put_there_before_the_look_stays(stages, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_function", lambda: None)
    world = stages("evolve").copy(tmp_path / "w")
    trouble = refused_run(world, Once("before", DiskStep.CUTOVER_LINK, lambda: put_file(world.link)))
    assert trouble.codes == ("swap-unfinished",)
    assert notes(world.link) == {MINE}
    whole_run = stages("evolve").copy(tmp_path / "whole")
    assert child(lambda: sync(whole_run.target(), read(V2))).result().result == "synced"
    assert dump(whole_run.link) == stages("evolve").new


def test_a_file_that_came_out_in_a_run_that_was_killed_is_kept_with_its_log_and_named(stages, tmp_path):
    world = stages("fresh").copy(tmp_path / "w")
    scratch = world.layout.next_link()
    shutil.copy(world.layout.live().path, scratch)
    leave_a_log(scratch)
    for suffix in ("-wal", "-shm"):  # it was opened by the name that it had then
        scratch.with_name(scratch.name + suffix).rename(world.link.with_name(world.link.name + suffix))
    kept = world.folder / "db.sqlite3-displaced-1"
    (line,) = world.recovered()
    assert str(kept) in line
    assert "only in the log" in notes(kept)
    assert world.recovered() == ()
    assert not world.link.with_name(world.link.name + "-wal").exists()


def test_files_that_are_kept_never_replace_one_another(tmp_path):
    for content in ("one", "two"):
        path = tmp_path / "db.sqlite3-schemasync-link"
        path.write_text(content)
        Disk().keep(DiskStep.RECOVER_KEEP, path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "db.sqlite3-displaced-1": "one",
        "db.sqlite3-displaced-2": "two",
    }


@pytest.mark.parametrize(
    "label", [DiskStep.CUTOVER_FENCE, DiskStep.CUTOVER_UNMARK, DiskStep.CUTOVER_LINK, DiskStep.CUTOVER_FOLDER]
)
def test_a_run_whose_folder_is_moved_away_during_the_swap_is_not_done(stages, tmp_path, label):
    world = stages("evolve").copy(tmp_path / "w")
    away = world.layout.folder.with_name("away")
    trouble = refused_run(world, Once("after", label, lambda: world.layout.folder.rename(away)))
    assert (trouble.codes, trouble.exit_code) == (("generation-missing",), 6)
    away.rename(world.layout.folder)
    world.recovered()
    assert world.layout.live().number == 2
    assert write(world.link, "after") is None
