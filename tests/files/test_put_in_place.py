"""Somebody puts another file over the link, or removes it, during a run: the file that they put there stays."""

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
from tests.crash.databases import V2, dump, fence_of, notes, point, read, recovery, whole, write
from tests.crash.processes import child, sqlite
from tests.crash.scenarios import SCENARIOS, leave_a_log
from tests.support.sample import some

MINE = "put here by hand"
BUILDING = [label for label in SCENARIOS["evolve"].passes if label.startswith("BUILD")]


def put_file(link):
    """Put another file over the link, like `mv backup.sqlite3 db.sqlite3`."""
    beside = link.with_name("beside.sqlite3")
    with sqlite(beside, mode="rwc") as connection:
        connection.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("INSERT INTO ledger (note) VALUES (?)", (MINE,))
    beside.rename(link)


def take_away(link):
    link.unlink()


class AtStep:
    """An observer that calls `deed` at each passing of this step."""

    def __init__(self, when, label, action):
        self.when, self.label, self.action = when, label, action

    def __call__(self, when, label):
        if (when, label) == (self.when, self.label):
            self.action()


def refused_run(database, observer, tree=V2):
    return child(lambda: sync(database.target(observer), read(tree))).refusal()


def moments():
    """Yield each step with "before" and "after". The gate has the moments before the first step, before BUILD:VERIFY,
    and before and after the last step."""
    for label in BUILDING:
        for when in ("before", "after"):
            often = label == BUILDING[-1] or (when == "before" and label in (BUILDING[0], DiskStep.BUILD_VERIFY))
            yield pytest.param(label, when, marks=[] if often else [pytest.mark.slow])


@pytest.mark.parametrize(("label", "when"), list(moments()))
def test_a_file_put_over_the_link_while_a_generation_is_built_stays(prepare, tmp_path, label, when):
    database = prepare("evolve").copy(tmp_path / "w")
    first = database.files()[0]
    trouble = refused_run(database, AtStep(when, label, lambda: put_file(database.link)))
    assert (trouble.kind, trouble.codes) == ("Failed", ("changed-during-run",))
    assert database.layout.path_kind() is PathKind.PLAIN
    assert notes(database.link) == {MINE}
    assert database.files() == [first]
    assert fence_of(first) is None
    assert dump(first) == prepare("evolve").old


@pytest.mark.parametrize("label", [DiskStep.CUTOVER_UNMARK])
def test_a_file_put_over_the_link_in_the_middle_of_the_swap_stays(prepare, tmp_path, label):
    """The swap is committed, so every row is in the new generation, whatever file is in place of the link."""
    database = prepare("evolve").copy(tmp_path / "w")
    trouble = refused_run(database, AtStep("after", label, lambda: put_file(database.link)))
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("NeedsPerson", ("swap-unfinished",), 6)
    assert "put there" in trouble.text
    assert notes(database.link) == {MINE}
    assert child(lambda: recovery(database.target())).result() == ()
    assert notes(database.link) == {MINE}
    assert dump(database.files()[1]) == prepare("evolve").new

    database.link.rename(database.folder / "mine.sqlite3")  # as the message says
    assert len(child(lambda: recovery(database.target())).result()) == 1
    assert dump(database.link) == prepare("evolve").new
    assert write(database.link, "goes on") is None


def test_an_old_file_that_is_deleted_in_the_middle_of_the_swap_does_not_hold_it_up(prepare, tmp_path):
    """All rows are in the new file by then, and the link dangles."""
    database = prepare("evolve").copy(tmp_path / "w")
    observer = AtStep("after", DiskStep.CUTOVER_UNMARK, database.files()[0].unlink)
    assert child(lambda: sync(database.target(observer), read(V2)).result).result() == "synced"
    assert dump(database.link) == prepare("evolve").new
    assert database.recovered() == ()


@pytest.mark.parametrize("label", [DiskStep.BUILD_CREATE, DiskStep.BUILD_SEAL])
def test_a_link_that_is_taken_away_is_not_made_again(prepare, tmp_path, label):
    database = prepare("evolve").copy(tmp_path / "w")
    trouble = refused_run(database, AtStep("before", label, lambda: take_away(database.link)))
    assert trouble.codes == ("changed-during-run",)
    assert database.layout.path_kind() is PathKind.NOTHING
    assert fence_of(database.files()[0]) is None


# The run checks the link when the file is built, so one moment before that is as good as another.
@pytest.mark.slow(but=["BUILD:SEAL"])
@pytest.mark.parametrize("label", some(BUILDING, {DiskStep.BUILD_CREATE, DiskStep.BUILD_SEAL, BUILDING[-1]}))
def test_a_link_that_is_moved_by_hand_meanwhile_stays(prepare, tmp_path, label):
    database = prepare("evolve_and_prune").copy(tmp_path / "w")
    other = database.files()[0]
    observer = AtStep("before", label, lambda: point(database, other.name))
    trouble = refused_run(database, observer, SCENARIOS["evolve_and_prune"].current)
    assert trouble.codes == ("changed-during-run",)
    assert database.layout.live().path == other


# --- adoption ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label", some([label for label in BUILDING if label != DiskStep.BUILD_ROUND], {DiskStep.BUILD_CREATE, BUILDING[-1]})
)
def test_a_file_put_in_place_of_one_that_is_taken_over_stays(prepare, tmp_path, label):
    """This does not hold if the old file has a log, as SQLite itself takes it for the new file's."""
    database = prepare("adopt_journal").copy(tmp_path / "w")
    observer = AtStep("before", label, lambda: put_file(database.link))
    trouble = child(lambda: adopt(database.target(observer), None)).refusal()
    assert trouble.codes == ("changed-during-run",)
    assert database.layout.path_kind() is PathKind.PLAIN
    assert notes(database.link) == {MINE}
    assert database.files() == []


def test_a_file_put_in_place_between_looking_and_holding_stays(prepare, tmp_path, monkeypatch):
    """Otherwise the file that was read and the locked file would differ: one would be copied, and the other fenced."""
    database = prepare("adopt_journal").copy(tmp_path / "w")
    real = adoption.write_lock

    def meanwhile(*given):
        put_file(database.link)
        return real(*given)

    monkeypatch.setattr(adoption, "write_lock", meanwhile)
    trouble = child(lambda: adopt(database.target(), None)).refusal()
    assert trouble.codes == ("changed-during-run",)
    assert notes(database.link) == {MINE}
    assert fence_of(database.link) is None
    assert database.files() == []


def test_a_schema_that_changes_between_looking_and_holding_is_not_taken_over_half(prepare, tmp_path, monkeypatch):
    database = prepare("adopt_journal").copy(tmp_path / "w")
    real = adoption.write_lock

    def meanwhile(*given):
        with sqlite(database.link) as connection:
            connection.execute("ALTER TABLE papers ADD COLUMN late")
        return real(*given)

    monkeypatch.setattr(adoption, "write_lock", meanwhile)
    trouble = child(lambda: adopt(database.target(), None)).refusal()
    assert (trouble.kind, trouble.codes) == ("Refused", ("changed-during-run",))
    assert fence_of(database.link) is None
    monkeypatch.undo()
    child(lambda: adopt(database.target(), None)).result()
    assert "late" in next(row for row in dump(database.link)["schema"] if row[1] == "papers")[3]


# --- dangling ---------------------------------------------------------------------------------------------------


def test_a_dangling_link_never_makes_a_file(prepare, tmp_path):
    database = prepare("fresh").copy(tmp_path / "w")
    database.files()[1].unlink()
    names = database.names()
    for act in (
        lambda: sync(database.target(), read(V2)),
        lambda: adopt(database.target(), None),
        lambda: recovery(database.target()),
    ):
        trouble = child(act).refusal()
        assert (trouble.codes, trouble.exit_code) == (("generation-missing",), 6)
        assert database.names() == names
    assert not os.path.lexists(database.layout.live().path)


def test_a_generation_that_vanishes_while_it_is_replaced_is_not_made_again(prepare, tmp_path):
    """Somebody deletes the live file during the run. Its rows are in the copy, but that was never live."""
    database = prepare("evolve").copy(tmp_path / "w")
    first = database.files()[0]
    trouble = refused_run(database, AtStep("before", DiskStep.BUILD_RESHAPE, first.unlink))
    assert trouble.exit_code in (3, 4)
    assert not first.exists()


def test_the_archives_that_are_there_stay_whole(prepare, tmp_path):
    database = prepare("evolve_and_prune").copy(tmp_path / "w")
    observer = AtStep("before", DiskStep.BUILD_SEAL, lambda: put_file(database.link))
    trouble = refused_run(database, observer, SCENARIOS["evolve_and_prune"].current)
    assert trouble.codes == ("changed-during-run",)
    assert len(database.files()) == 4
    assert all(whole(path) for path in database.files())


# --- in the moment of the swap ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "label"), [("before", DiskStep.CUTOVER_SYMLINK), ("before", DiskStep.CUTOVER_FENCE)])
def test_a_file_put_over_the_link_before_the_fence_stays_and_nothing_is_closed(prepare, tmp_path, when, label):
    database = prepare("evolve").copy(tmp_path / "w")
    first = database.files()[0]
    trouble = refused_run(database, AtStep(when, label, lambda: put_file(database.link)))
    assert (trouble.kind, trouble.codes) == ("Failed", ("changed-during-run",))
    assert notes(database.link) == {MINE}
    assert fence_of(first) is None
    assert database.files() == [first]
    assert database.layout.next_links() == ()


@pytest.mark.slow(
    but=["before it is looked at-evolve", "after it was looked at-rollback", "after it was looked at-adopt_journal"]
)
@pytest.mark.parametrize("scenario", ["evolve", "evolve_paused", "adopt_journal", "rollback"])
@pytest.mark.parametrize("is_late", [False, True], ids=["before it is looked at", "after it was looked at"])
def test_a_file_put_there_right_before_the_link_moves_stays(prepare, tmp_path, monkeypatch, scenario, is_late):
    """rename(2) would replace it, so the run exchanges the names, and puts the file back that came out."""
    prepared = prepare(scenario)
    database = prepared.copy(tmp_path / "w")
    observer = AtStep("before", DiskStep.CUTOVER_LINK, lambda: None if is_late else put_file(database.link))
    if is_late:
        put_after_the_look(monkeypatch, database)
    trouble = child(lambda: prepared.scenario.act(database.target(observer))).refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("NeedsPerson", ("swap-unfinished",), 6)
    assert "put there" in trouble.text
    assert database.layout.path_kind() is PathKind.PLAIN
    assert notes(database.link) == {MINE}
    assert database.layout.next_links() == ()
    database.link.rename(database.folder / "mine.sqlite3")  # as the message says
    child(lambda: recovery(database.target())).result()
    assert dump(database.link) == prepared.new


@pytest.mark.parametrize("is_late", [False, True], ids=["before it is looked at", "after it was looked at"])
def test_a_file_put_there_in_the_moment_of_an_eject_stays(prepare, tmp_path, monkeypatch, is_late):
    prepared = prepare("eject")
    database = prepared.copy(tmp_path / "w")
    observer = AtStep("before", DiskStep.CUTOVER_LINK, lambda: None if is_late else put_file(database.link))
    if is_late:
        put_after_the_look(monkeypatch, database)
    trouble = child(lambda: prepared.scenario.act(database.target(observer))).refusal()
    assert trouble.codes == ("swap-unfinished",)
    assert notes(database.link) == {MINE}
    assert dump(database.layout.plain) == prepared.new


def put_after_the_look(monkeypatch, database):
    """Put the file there between the check of the path and the call that moves the link."""
    real, asked = cutover._is_expected, []

    def looked_at(target, over, path):
        answer = real(target, over, path)
        if not asked:
            put_file(database.link)
        asked.append(path)
        return answer

    monkeypatch.setattr(cutover, "_is_expected", looked_at)


def test_where_names_cannot_be_exchanged_a_file_put_there_before_the_look_stays(prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_function", lambda: None)
    database = prepare("evolve").copy(tmp_path / "w")
    trouble = refused_run(database, AtStep("before", DiskStep.CUTOVER_LINK, lambda: put_file(database.link)))
    assert trouble.codes == ("swap-unfinished",)
    assert notes(database.link) == {MINE}
    whole_run = prepare("evolve").copy(tmp_path / "whole")
    assert child(lambda: sync(whole_run.target(), read(V2))).result().result == "synced"
    assert dump(whole_run.link) == prepare("evolve").new


def test_a_file_that_came_out_in_a_run_that_was_killed_is_kept_with_its_log_and_named(prepare, tmp_path):
    database = prepare("fresh").copy(tmp_path / "w")
    scratch = database.layout.next_link()
    shutil.copy(database.layout.live().path, scratch)
    leave_a_log(scratch)
    for suffix in ("-wal", "-shm"):  # as if the file was opened at the link's path
        scratch.with_name(scratch.name + suffix).rename(database.link.with_name(database.link.name + suffix))
    kept = database.folder / "db.sqlite3-displaced-1"
    (line,) = database.recovered()
    assert str(kept) in line
    assert "only in the log" in notes(kept)
    assert database.recovered() == ()
    assert not database.link.with_name(database.link.name + "-wal").exists()


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
def test_a_run_whose_folder_is_moved_away_during_the_swap_is_not_done(prepare, tmp_path, label):
    database = prepare("evolve").copy(tmp_path / "w")
    away = database.layout.folder.with_name("away")
    trouble = refused_run(database, AtStep("after", label, lambda: database.layout.folder.rename(away)))
    assert (trouble.codes, trouble.exit_code) == (("generation-missing",), 6)
    away.rename(database.layout.folder)
    database.recovered()
    assert database.layout.live().number == 2
    assert write(database.link, "after") is None
