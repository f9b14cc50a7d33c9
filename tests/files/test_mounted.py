"""A run finds out whether the link can move before it closes a file: mounted files, folders of other users."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemasync.files import mounts
from schemasync.files.disk import DiskStep
from schemasync.files.layout import PathKind
from schemasync.files.mounts import is_mounted
from schemasync.sync.adopt import adopt
from schemasync.sync.recovery import finish_swap
from schemasync.sync.runner import sync
from tests.crash.databases import V2, WRITE, SampleDatabase, dump, fence_of, is_marked, notes, read, recovery, write
from tests.crash.processes import NOBODY, Stranger, child
from tests.crash.scenarios import KillAt, run
from tests.support.sample import some

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

SCRIPT = """
import sys
from pathlib import Path
from schemasync.errors import SchemasyncError
from schemasync.sync.adopt import adopt
from schemasync.sync.eject import eject
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from tests.crash.databases import V1, V2, SampleDatabase, changed, read
target = SampleDatabase(Path(sys.argv[1])).target()
acts = {
    "adopt": lambda: adopt(target, None),
    "first": lambda: sync(target, read(V1)),
    "sync": lambda: sync(target, read(changed(V2, "papers", title="TEXT"))),
    "rollback": lambda: rollback(target, None, lambda ahead: True),
    "eject": lambda: eject(target, None, lambda plain: None),
}
for name in sys.argv[2:]:
    try:
        acts[name]()
        print(name, "done")
    except SchemasyncError as error:
        print(name, error.exit_code, error.problems[0].code)
"""


def mounted(mount, folder, *acts):
    """Run the acts in a mount namespace, after the shell command `mount`, and return the lines that they print."""
    command = f'{mount} && exec {sys.executable} -Bc "$0" "$@"'
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, SCRIPT, str(folder), *acts],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "unshare" in ended.stderr or "mount:" in ended.stderr:
        pytest.skip(f"nothing may be mounted here: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split("\n")[:-1]


# --- a file that is mounted by itself ---------------------------------------------------------------------------


@AS_ROOT
@pytest.mark.parametrize(
    ("scenario", "act"),
    [
        ("adopt_journal", "adopt"),
        pytest.param("adopt_wal", "adopt", marks=pytest.mark.slow),  # the same check, before the file is opened
        ("over_an_empty_file", "first"),
    ],
)
def test_a_database_that_is_mounted_as_a_single_file_is_refused_and_takes_writes(prepare, tmp_path, scenario, act):
    """The usual mistake with docker. Without the check the fence is committed, the rename fails, and no write works."""
    host = prepare(scenario).copy(tmp_path / "host")
    app = SampleDatabase(tmp_path / "app dir")
    app.folder.mkdir()
    app.link.touch()
    before = host.link.read_bytes()
    mount = f"mount --bind '{host.link}' '{app.link}'"
    assert mounted(mount, app.folder, act, act) == [f"{act} 3 mounted-file"] * 2
    assert host.link.read_bytes() == before
    assert [p.name for p in app.folder.iterdir()] == ["db.sqlite3"]
    assert not before or write(host.link, "goes on") is None


def mount_of(path, tmp_path, monkeypatch):
    """Let this process and its children see a path as a mounted file, by a table of mounts as Linux writes it."""
    table = tmp_path / "mountinfo"
    escaped = str(path).replace(" ", "\\040")
    table.write_text(
        f"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n400 22 254:0 /data/db {escaped} rw - ext4 /dev/vda rw\n"
    )
    monkeypatch.setattr(mounts, "MOUNTS", table)


@AS_ROOT
def test_a_mounted_file_is_refused_where_proc_is_not_mounted(prepare, tmp_path):
    """Without the table of mounts, a file on another device than its folder counts as mounted."""
    host = prepare("adopt_journal").copy(tmp_path / "host")
    app = SampleDatabase(tmp_path / "app")
    app.folder.mkdir()
    app.link.touch()
    disk = f"mkdir '{tmp_path}/disk' && mount -t tmpfs none '{tmp_path}/disk' && cp '{host.link}' '{tmp_path}/disk/db'"
    mount = f"{disk} && mount --bind '{tmp_path}/disk/db' '{app.link}' && umount -l /proc"
    assert mounted(mount, app.folder, "adopt") == ["adopt 3 mounted-file"]
    assert mounted("umount -l /proc", host.folder, "adopt", "eject") == ["adopt done", "eject done"]


def overlay(folder, tmp_path):
    """Return a shell command that mounts an overlay at `tmp_path / "merged"`, with a copy of the folder as lower layer,
    and the upper layer on another file system. There a file has the device of its layer, a folder the overlay's."""
    low, up, merged = (tmp_path / name for name in ("low", "up", "merged"))
    layers = f"lowerdir='{low}',upperdir='{up}/files',workdir='{up}/work',xino=off"
    return (
        f"mkdir -p '{low}' '{up}' '{merged}' && mount -t tmpfs none '{low}' && cp -a '{folder}/.' '{low}'"
        f" && mount -t tmpfs none '{up}' && mkdir '{up}/files' '{up}/work'"
        f" && mount -t overlay none -o {layers} '{merged}'"
    )


@AS_ROOT
@pytest.mark.parametrize(
    ("scenario", "acts"),
    [
        pytest.param("adopt_journal", ("adopt", "eject", "adopt"), marks=pytest.mark.slow),  # the next test adopts, too
        pytest.param("adopt_wal", ("adopt", "eject", "adopt"), marks=pytest.mark.slow),
        ("fresh", ("sync", "rollback", "eject")),
    ],
)
def test_the_files_of_an_overlay_are_not_taken_for_mounts(prepare, tmp_path, scenario, acts):
    """Files look like this in a container whose database is in its image and not in a volume."""
    database = prepare(scenario).copy(tmp_path / "w")
    done = mounted(overlay(database.folder, tmp_path), tmp_path / "merged", *acts)
    assert done == [f"{act} done" for act in acts]


@AS_ROOT
def test_a_swap_that_was_cut_off_is_finished_on_an_overlay(prepare, tmp_path):
    prepared = prepare("adopt_journal")
    database = prepared.copy(tmp_path / "w")
    fence = prepared.scenario.passes.index(DiskStep.CUTOVER_FENCE)
    assert child(lambda: run(prepared.scenario, database.target(KillAt("after", fence)))).killed
    assert mounted(overlay(database.folder, tmp_path), tmp_path / "merged", "adopt") == ["adopt done"]


def test_what_the_system_lists_as_a_mount_is_one_whatever_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to("a folder")
    path = folder / "db.sqlite3"
    path.touch()
    assert not is_mounted(path)
    mount_of(path, tmp_path, monkeypatch)
    assert is_mounted(path)
    assert is_mounted(tmp_path / "link" / "db.sqlite3")
    assert not is_mounted(folder / "db.sqlite3-wal")
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "no table")
    assert not is_mounted(path)
    assert not is_mounted(folder / "nothing")


def test_a_swap_that_a_mount_came_in_between_of_says_so_and_goes_on_without_it(prepare, tmp_path, monkeypatch):
    prepared = prepare("adopt_journal")
    database = prepared.copy(tmp_path / "w")
    fence = prepared.scenario.passes.index(DiskStep.CUTOVER_FENCE)
    assert child(lambda: run(prepared.scenario, database.target(KillAt("after", fence)))).killed
    with monkeypatch.context() as patch:
        mount_of(database.link, tmp_path, patch)
        for act in (lambda: recovery(database.target()), lambda: adopt(database.target(), None)):
            trouble = child(act).refusal()
            assert (trouble.kind, trouble.codes) == ("NeedsPerson", ("mounted-file",))
            assert "is committed" in trouble.text
            assert str(database.folder) in trouble.hints[0]
        assert is_marked(database.files()[0])
    assert child(lambda: adopt(database.target(), None)).result().generation == database.layout.live().name
    assert dump(database.link) == prepared.new


def test_an_eject_that_a_mount_came_in_between_of_says_so_and_goes_on_without_it(prepare, tmp_path, monkeypatch):
    prepared = prepare("eject")
    database = prepared.copy(tmp_path / "w")
    fence = prepared.scenario.passes.index(DiskStep.CUTOVER_FENCE)
    assert child(lambda: run(prepared.scenario, database.target(KillAt("after", fence)))).killed
    with monkeypatch.context() as patch:
        mount_of(database.link, tmp_path, patch)
        trouble = child(lambda: recovery(database.target())).refusal()
        assert (trouble.kind, trouble.codes) == ("NeedsPerson", ("mounted-file",))
        assert "is committed" in trouble.text
    assert database.layout.path_kind() is PathKind.GENERATION
    database.recovered()
    assert database.layout.path_kind() is PathKind.PLAIN
    assert dump(database.link) == prepared.new


@AS_ROOT
def test_generations_on_another_file_system_are_no_obstacle(prepare, tmp_path):
    database = prepare("adopt_journal").copy(tmp_path / "w")
    database.layout.folder.mkdir()
    disk = f"mount -t tmpfs none '{database.layout.folder}'"
    assert mounted(disk, database.folder, "adopt", "eject", "adopt") == ["adopt done", "eject done", "adopt done"]
    evolved = prepare("fresh").copy(tmp_path / "v")
    disk = f"cp -a '{evolved.layout.folder}' '{tmp_path}/there' && mount -t tmpfs none '{evolved.layout.folder}'"
    disk += f" && cp -a '{tmp_path}/there/.' '{evolved.layout.folder}'"
    assert mounted(disk, evolved.folder, "sync", "rollback", "eject") == ["sync done", "rollback done", "eject done"]
    assert evolved.layout.path_kind() is PathKind.PLAIN
    assert dump(evolved.link) == prepare("fresh").new


# --- a folder that belongs to another user ----------------------------------------------------------------------

UNLIKE = {"adopt_journal", "evolve", "rollback", "eject"}
"""Scenarios that each move the link in a different way; every other scenario does it like one of these."""


@AS_ROOT
@pytest.mark.parametrize("scenario", some(["adopt_journal", "evolve", "evolve_paused", "rollback", "eject"], UNLIKE))
@pytest.mark.parametrize(
    "bits",
    [
        pytest.param(0o755, id="read-only"),
        pytest.param(0o1777, id="sticky", marks=pytest.mark.slow),  # the same error from the same call
    ],
)
def test_in_a_folder_where_the_link_cannot_move_nothing_is_closed(prepare, open_folder, scenario, bits):
    """The user may write the database and its generations, but not change the names in the folder of the link."""
    prepared = prepare(scenario)
    database = prepared.copy(open_folder / "w")
    for path in database.folder.rglob("*"):
        if path != database.link or not path.is_symlink():
            os.chown(path, NOBODY, NOBODY)
    if scenario == "adopt_journal":
        database.layout.folder.mkdir()
        os.chown(database.layout.folder, NOBODY, NOBODY)
        os.chown(database.link, 0, NOBODY)
        database.link.chmod(0o660)
    database.folder.chmod(bits)
    names, before = database.names(), dump(database.link)
    trouble = child(lambda: run(prepared.scenario, database.target()), user=NOBODY).refusal()
    assert (trouble.codes, trouble.exit_code) == (("permission",), 3)
    assert str(database.folder) in trouble.text
    assert fence_of(database.link) is None
    assert dump(database.link) == before
    left = database.names()["generations"]
    assert [n for n in left if n.endswith((".sqlite3", ".building"))] == [
        n for n in names.get("generations", []) if n.endswith(".sqlite3")
    ]


@AS_ROOT
@pytest.mark.parametrize(
    "scenario", some(["adopt_journal", "adopt_wal", "evolve", "evolve_paused", "rollback", "eject"], UNLIKE)
)
def test_a_folder_that_can_be_written_and_not_listed_is_enough(prepare, open_folder, scenario):
    prepared = prepare(scenario)
    database = prepared.copy(open_folder / "w")
    fence = prepared.scenario.passes.index(DiskStep.CUTOVER_FENCE)
    cut_off = prepared.copy(open_folder / "v")
    assert child(lambda: run(prepared.scenario, cut_off.target(KillAt("after", fence)))).killed
    for one in (database, cut_off):
        for path in (one.folder, *one.folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        one.folder.chmod(0o300)
    child(lambda: run(prepared.scenario, database.target()), user=NOBODY).result()
    child(lambda: recovery(cut_off.target()), user=NOBODY).result()
    for one in (database, cut_off):
        assert dump(one.link) == prepared.new
        assert one.layout.next_links() == ()
        assert write(one.link, "goes on") is None


# --- an adoption that was killed --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adopt_journal", "adopt_wal"])
@pytest.mark.parametrize("label", some([DiskStep.CUTOVER_FENCE, DiskStep.CUTOVER_UNMARK], {DiskStep.CUTOVER_FENCE}))
def test_an_adoption_that_was_killed_in_its_swap_is_finished_by_the_next_one(prepare, tmp_path, name, label):
    prepared = prepare(name)
    database = prepared.copy(tmp_path / "w")
    number = prepared.scenario.passes.index(label)
    assert child(lambda: run(prepared.scenario, database.target(KillAt("after", number)))).killed
    assert "superseded" in write(database.link, "not yet")
    done = child(lambda: adopt(database.target(), None)).result()
    assert done.generation == database.layout.live().name
    assert {table.name for table in done.schema.tables} >= {"ledger", "people", "handmade"}
    assert dump(database.link) == prepared.new
    assert write(database.link, "now") is None
    assert child(lambda: adopt(database.target(), None)).refusal().codes == ("already-adopted",)


def test_the_log_of_an_adopted_file_does_not_stay_beside_the_link_when_its_swap_is_finished(prepare, tmp_path):
    """An idle connection keeps SQLite from removing the log, which SQLite would apply to a file put there later."""
    prepared = prepare("adopt_wal")
    database = prepared.copy(tmp_path / "w")
    fence = prepared.scenario.passes.index(DiskStep.CUTOVER_FENCE)
    with Stranger() as idle:
        idle.open("a", database.link)
        assert child(lambda: run(prepared.scenario, database.target(KillAt("after", fence)))).killed
        database.recovered()
        assert [name for name in database.names()[""] if name.startswith(f"{database.link.name}-")] == []
        assert "superseded" in idle.execute("a", WRITE, "stale")
    assert dump(database.link) == prepared.new


@pytest.mark.parametrize("name", ["adopt_journal", "evolve", "rollback"])
def test_a_swap_that_was_cut_off_is_finished_without_a_schema_json(prepare, tmp_path, name):
    prepared = prepare(name)
    database = prepared.copy(tmp_path / "w")
    fence = prepared.scenario.passes.index(DiskStep.CUTOVER_FENCE)
    assert child(lambda: run(prepared.scenario, database.target(KillAt("after", fence)))).killed
    first, *others = child(lambda: finish_swap(database.target())).result()
    assert first.startswith("finished an interrupted swap")
    # a rollback removes an earlier change log's triggers from the file that it opens only when writers no longer wait
    assert [other.partition(" that")[0] for other in others] == ["removed the change log"] * (name == "rollback")
    assert child(lambda: finish_swap(database.target())).result() == ()
    assert dump(database.link) == prepared.new


def test_finishing_leaves_alone_what_is_not_cut_off(prepare, tmp_path):
    database = prepare("fresh").copy(tmp_path / "w")
    names = database.names()
    assert child(lambda: finish_swap(database.target())).result() == ()
    assert database.names() == names
    empty = SampleDatabase(tmp_path / "empty")
    empty.folder.mkdir()
    assert child(lambda: finish_swap(empty.target())).result() == ()
    assert list(empty.folder.iterdir()) == []
    database.link.unlink()
    database.link.symlink_to("elsewhere")
    assert child(lambda: finish_swap(database.target())).result() == ()


def test_nothing_is_closed_where_the_link_cannot_be_made(prepare, tmp_path):
    """The new link exists before the old file is closed, so any reason will do."""
    database = prepare("evolve").copy(tmp_path / "w")

    def observer(when, label):
        if (when, label) == ("before", DiskStep.CUTOVER_SYMLINK):
            database.layout.next_link().mkdir()

    trouble = child(lambda: sync(database.target(observer), read(V2))).refusal()
    assert trouble.exit_code == 4
    assert fence_of(database.link) is None
    assert notes(database.link) == {"first", "second", "third"}


MOUNTED = """22 27 0:21 / / rw,relatime - ext4 /dev/sda rw
23 22 0:40 /export {folder} rw,relatime shared:1 - {kind} server:/export rw,vers=4.2
24 23 0:41 / {folder}/local rw - tmpfs tmpfs rw
25 22 0:42 / {folder}ly rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("kind", "path", "found"),
    [
        ("nfs4", "db.sqlite3", "nfs4"),
        ("cifs", "deep/er/db.sqlite3", "cifs"),
        ("nfs4", "local/db.sqlite3", ""),
        ("nfs4", "../other/db.sqlite3", ""),
        ("ext4", "db.sqlite3", ""),
    ],
)
def test_a_network_file_system_is_known_by_the_innermost_mount(tmp_path, monkeypatch, kind, path, found):
    folder = tmp_path / "a b"
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTED.format(folder=str(folder).replace(" ", "\\040"), kind=kind))
    monkeypatch.setattr(mounts, "MOUNTS", table)
    assert mounts.network_file_system(folder / path) == found


def test_a_system_that_shows_no_mounts_has_no_network_file_system(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "nothing")
    assert mounts.network_file_system(tmp_path / "db.sqlite3") == ""
