"""Every change to the disk: its result, the disk step that records it, and the owner and mode of new files."""

import os
import stat

import pytest

from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.adopt import adopt
from schemasync.sync.runner import sync
from tests.crash.databases import PLAIN, V1, V2, SampleDatabase, changed, read, write
from tests.crash.processes import FORK, NOBODY, Child, child, sqlite

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def owner(path):
    return path.stat().st_uid, path.stat().st_gid


# --- steps ------------------------------------------------------------------------------------------------------


def test_an_observer_is_called_before_and_after_each_step(tmp_path):
    reported = []
    disk = Disk(lambda when, label: reported.append((when, str(label))))
    disk.create(DiskStep.BUILD_CREATE, tmp_path / "a", None)
    disk.rename(DiskStep.BUILD_RENAME, tmp_path / "a", tmp_path / "b")
    disk.symlink(DiskStep.CUTOVER_SYMLINK, tmp_path / "l", "b")
    disk.take_place(DiskStep.CUTOVER_LINK, tmp_path / "l", tmp_path / "link", lambda path: True)
    disk.remove(DiskStep.RECOVER_REMOVE, (tmp_path / "b", tmp_path / "b-wal"))
    assert reported == [
        (when, label)
        for label in ("BUILD:CREATE", "BUILD:RENAME", "CUTOVER:SYMLINK", "CUTOVER:LINK", "RECOVER:REMOVE")
        for when in ("before", "after")
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["link"]


def test_a_step_that_fails_is_not_reported_as_done(tmp_path):
    reported = []
    disk = Disk(lambda when, label: reported.append(when))
    with pytest.raises(FileNotFoundError):
        disk.rename(DiskStep.BUILD_RENAME, tmp_path / "not there", tmp_path / "b")
    assert reported == ["before"]


def test_creating_never_takes_a_file_that_is_there(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FileExistsError):
        Disk().create(DiskStep.BUILD_CREATE, tmp_path / "a", None)
    assert (tmp_path / "a").read_text() == "mine"


def test_a_link_that_a_dead_run_left_is_replaced(tmp_path):
    (tmp_path / "l").symlink_to("nowhere")
    Disk().symlink(DiskStep.CUTOVER_SYMLINK, tmp_path / "l", "somewhere")
    assert str((tmp_path / "l").readlink()) == "somewhere"


def test_the_file_itself_goes_last(tmp_path, monkeypatch):
    """After a crash in between, the files that remain still show by the main file what they are."""
    order = []
    unlink = type(tmp_path).unlink
    monkeypatch.setattr(
        type(tmp_path), "unlink", lambda self, *a, **k: (order.append(self.name), unlink(self, *a, **k))
    )
    for name in ("a", "a-wal", "a-shm"):
        (tmp_path / name).touch()
    Disk().remove(
        DiskStep.PRUNE_REMOVE, (tmp_path / "a", tmp_path / "a-wal", tmp_path / "a-shm", tmp_path / "a-journal")
    )
    assert order[-1] == "a"
    assert list(tmp_path.iterdir()) == []


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "schema.json"
    path.write_text("old")
    disk = Disk()
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        disk.write_text(DiskStep.OUTPUT_WRITE, path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["schema.json"]
    disk.write_text(DiskStep.OUTPUT_WRITE, path, "new: ü")
    assert path.read_text("utf-8") == "new: ü"


# --- folders that two processes make at once --------------------------------------------------------------------


def test_two_first_runs_at_once_make_one_folder_and_one_database(tmp_path):
    """Two containers start, and both see that there is no folder yet."""
    database, both = SampleDatabase(tmp_path), FORK.Barrier(2)

    def observer(when, label):
        if (when, label) == ("before", DiskStep.RUN_FOLDER):
            both.wait(20)

    running = [Child(lambda: sync(database.target(observer), read(V1)).result) for _ in range(2)]
    assert sorted(one.ended().result() for one in running) == ["current", "synced"]
    assert len(database.files()) == 1


# --- modes and owners -------------------------------------------------------------------------------------------


def modes_and_masks():
    """Yield each mode with each umask. The gate has a few: modes that the umask would change, and one that it keeps."""
    for bits in (0o600, 0o640, 0o660, 0o644, 0o664, 0o666, 0o400):
        for mask in (0o022, 0o077, 0o000):
            often = (mask, bits) in ((0o077, 0o666), (0o077, 0o640), (0o022, 0o666), (0o000, 0o400))
            yield pytest.param(bits, mask, id=f"{bits:o}-{mask:03o}", marks=[] if often else [pytest.mark.slow])


@pytest.mark.parametrize(("bits", "mask"), list(modes_and_masks()))
def test_a_new_generation_has_the_mode_of_the_old_file_whatever_the_umask(prepare, tmp_path, bits, mask):
    database = prepare("evolve").copy(tmp_path / "w")
    database.files()[0].chmod(bits)

    def work():
        os.umask(mask)
        return sync(database.target(), read(V2)).result

    if bits == 0o400 and os.geteuid() != 0:
        return
    assert child(work).result() == "synced"
    assert mode(database.layout.live().path) == bits


@pytest.mark.parametrize(
    ("bits", "folder"), [(0o600, 0o700), (0o640, 0o750), (0o660, 0o770), (0o644, 0o755), (0o666, 0o777)]
)
def test_who_may_read_the_file_may_enter_the_folder_of_its_generations(tmp_path, bits, folder):
    database = SampleDatabase(tmp_path)
    with sqlite(database.link, mode="rwc") as connection:
        connection.executescript(PLAIN)
    database.link.chmod(bits)
    child(lambda: (os.umask(0o077), adopt(database.target(), None))).result()
    assert mode(database.layout.folder) == folder
    assert mode(database.layout.live().path) == bits


@AS_ROOT
def test_what_root_makes_belongs_to_the_owner_of_the_old_file(open_folder):
    """A deploy script runs as root, the application as another user, who must be able to write and sync afterwards."""
    database = SampleDatabase(open_folder)
    with sqlite(database.link, mode="rwc") as connection:
        connection.executescript(PLAIN)
    os.chown(database.link, NOBODY, NOBODY)
    database.link.chmod(0o640)
    child(lambda: (os.umask(0o077), adopt(database.target(), None))).result()
    made = [database.layout.folder, *database.layout.folder.iterdir()]
    assert {p.name: owner(p) for p in made} == {p.name: (NOBODY, NOBODY) for p in made}
    assert child(lambda: write(database.link, "as the application"), user=NOBODY).result() is None
    report = child(lambda: sync(database.target(), read(one_more())), user=NOBODY).result()
    assert report.result == "synced"
    assert owner(database.layout.live().path) == (NOBODY, NOBODY)


@AS_ROOT
def test_side_files_that_root_makes_do_not_lock_the_application_out(open_folder):
    """The first program that writes after the swap creates the log and its index."""
    database = SampleDatabase(open_folder)
    database.sync(V1)
    for path in (database.layout.folder, *database.layout.folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    database.sync(V2)

    def root_stays():
        with sqlite(database.link) as connection:
            connection.execute("INSERT INTO ledger (note) VALUES ('root')")
            ready.set()
            over.wait(20)

    ready, over = FORK.Event(), FORK.Event()
    running = Child(root_stays)
    assert ready.wait(20)
    sides = [p for p in database.layout.folder.iterdir() if p.name.endswith(("-wal", "-shm"))]
    assert len(sides) == 2
    assert {owner(p) for p in sides} == {(NOBODY, NOBODY)}
    assert child(lambda: write(database.link, "as the application"), user=NOBODY).result() is None
    over.set()
    running.ended().result()


@AS_ROOT
def test_a_member_of_the_group_keeps_the_group(open_folder):
    """The user is not the owner, but may write. The other members of the group must keep their access to the file."""
    group, one, other = 41000, 41001, 41002
    database = SampleDatabase(open_folder)
    database.sync(V1)
    for path in (open_folder, database.layout.folder, *database.layout.folder.iterdir()):
        os.chown(path, one, group)
        path.chmod(0o2770 if path.is_dir() else 0o660)

    def member(work):
        def dropped():
            os.setgroups([group])
            os.setgid(other)
            os.setuid(other)
            return work()

        return child(dropped).result()

    assert member(lambda: sync(database.target(), read(V2)).result) == "synced"
    live = database.layout.live().path
    assert owner(live)[1] == group
    assert mode(live) == 0o660

    def as_one():
        os.setgroups([group])
        os.setgid(group)
        os.setuid(one)
        return write(database.link, "the first one"), sync(database.target(), read(one_more(V2))).result

    assert child(as_one).result() == (None, "synced")


def one_more(tree=None):
    if tree is not None:
        return changed(tree, "papers", title="TEXT")
    columns = {
        "ledger": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "note": "TEXT NOT NULL", "euros": "INTEGER DEFAULT 0"}
    }
    rest = {name: V1[name] for name in ("counters", "papers")}
    people = {"people": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "fax": "TEXT"}}
    teams = {"teams": {"code": "TEXT PRIMARY KEY", "lead": "INTEGER REFERENCES people(id)", "_without_rowid": True}}
    return {**columns, **people, **teams, **rest, "new": {"id": "INTEGER PRIMARY KEY"}}
