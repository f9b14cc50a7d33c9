"""The layout of a database: the target of the link, and the names in the generations folder."""

import os
import shutil
from datetime import timedelta

import pytest

from schemasync.files.layout import Layout, PathKind, inode_of, size_of
from schemasync.sync import prune
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from tests.crash.databases import V1, V2, SampleDatabase, changed, filled, history, read, write
from tests.crash.processes import child

SHORT = "abcabcabcabc"


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "db.sqlite3")
    layout.folder.mkdir()
    return layout


def put(layout, *names):
    for name in names:
        (layout.folder / name).touch()


def test_what_stands_at_the_link_is_told_apart(layout, tmp_path):
    assert layout.path_kind() is PathKind.NOTHING
    layout.link.touch()
    assert layout.path_kind() is PathKind.PLAIN
    layout.link.unlink()
    layout.link.mkdir()
    assert layout.path_kind() is PathKind.OTHER
    layout.link.rmdir()
    layout.link.symlink_to(f"db.sqlite3.generations/0001-{SHORT}.sqlite3")
    assert layout.path_kind() is PathKind.DANGLING
    put(layout, f"0001-{SHORT}.sqlite3")
    assert layout.path_kind() is PathKind.GENERATION
    for foreign in ("elsewhere", "db.sqlite3.generations/backup.sqlite3", "db.sqlite3.generations", "/", "db.sqlite3"):
        layout.link.unlink()
        layout.link.symlink_to(foreign)
        assert layout.path_kind() is PathKind.FOREIGN, foreign


def test_only_our_names_are_generations(layout):
    ours = [f"0001-{SHORT}.sqlite3", f"0002-{SHORT}.sqlite3.building", f"10000-{SHORT}.sqlite3"]
    others = [
        "lock",
        "link",
        f"1-{SHORT}.sqlite3",
        f"0001-{SHORT}.sqlite3-wal",
        "0001-ABCABCABCABC.sqlite3",
        f"0001-{SHORT}",
    ]
    put(layout, *ours, *others)
    assert [g.path.name for g in layout.generations()] == ours
    assert [g.building for g in layout.generations()] == [False, True, False]
    assert [g.name for g in layout.generations()] == [f"0001-{SHORT}", f"0002-{SHORT}", f"10000-{SHORT}"]


@pytest.mark.parametrize(
    ("there", "used", "expected"),
    [
        ([], [], "0001"),
        ([f"0007-{SHORT}.sqlite3"], [], "0008"),
        ([f"0007-{SHORT}.sqlite3.building"], [], "0008"),
        ([f"0002-{SHORT}.sqlite3"], [f"0041-{SHORT}"], "0042"),
        ([f"0050-{SHORT}.sqlite3"], [f"0041-{SHORT}"], "0051"),
        ([], ["no generation at all"], "0001"),
        ([f"9999-{SHORT}.sqlite3"], [], "10000"),
        ([f"9999-{SHORT}.sqlite3", f"10000-{SHORT}.sqlite3"], [], "10001"),
    ],
)
def test_the_next_name_is_above_all_files_and_all_history(layout, there, used, expected):
    put(layout, *there)
    new = layout.next(SHORT, used)
    assert new.path.name == f"{expected}-{SHORT}.sqlite3"
    assert layout.parse(new.path.name) == new
    assert layout.building(new).name == new.path.name + ".building"


def test_a_name_is_never_used_again(tmp_path):
    """This holds after a prune, after a rollback, and for a schema that comes again."""
    database = filled(tmp_path / "w")
    v2 = changed(V2, "papers", _dropped=["title"])
    other = changed(V1, "papers", title="TEXT")

    def everything():
        prune.GRACE = timedelta(0)
        target, seen = database.target(), []
        for _ in range(2):
            for tree in (v2, other, v2):
                report = sync(target, read(tree), SyncOptions(allow_older=True, rebuild_all=True))
                assert report.result == "synced"
                seen.append(report.generation)
                rollback(target, None, lambda ahead: True)
                prune.prune(target, 1, None, dry_run=False, reasons=set(prune.Reason))
        return seen

    made = child(everything).result()
    assert len(made) == len(set(made)) == 6
    assert [int(name[:4]) for name in made] == list(range(2, 8))
    assert len(database.files()) == 2
    born = [row.generation for row in history(database.link) if row.action != "rollback"]
    assert born == [f"0001-{born[0][5:]}", *made]


def test_the_link_is_relative_and_the_folder_can_be_moved_and_mounted_elsewhere(tmp_path):
    database = filled(tmp_path / "w")
    assert database.link.readlink().parts[0] == "db.sqlite3.generations"
    shutil.move(database.folder, tmp_path / "moved")
    moved = SampleDatabase(tmp_path / "moved")
    assert write(moved.link, "here") is None
    moved.sync(V2)
    (tmp_path / "mounted").symlink_to(tmp_path / "moved")
    mounted = SampleDatabase(tmp_path / "mounted")
    assert mounted.layout.path_kind() is PathKind.GENERATION
    mounted.sync(changed(V2, "papers", title="TEXT"))
    assert moved.layout.live().number == mounted.layout.live().number == 3


def test_a_relative_path_means_the_same_from_its_folder(tmp_path, monkeypatch):
    database = filled(tmp_path / "w")
    monkeypatch.chdir(database.folder)
    here = SampleDatabase(type(database.folder)())
    assert here.layout.path_kind() is PathKind.GENERATION
    here.sync(V2)
    assert database.layout.live().number == 2
    assert os.fspath(database.link.readlink()).startswith("db.sqlite3.generations/0002-")


@pytest.mark.parametrize("name", ["my db?mode=ro#x%20&.sqlite3", "ünï 日本.db", "'quoted\".sqlite3", "noextension"])
def test_any_file_name_works(tmp_path, name):
    layout = Layout(tmp_path / name)
    database = SampleDatabase(tmp_path)
    target = database.target().__class__(layout)
    for tree in (V1, V2):
        child(lambda tree=tree: sync(target, read(tree))).result()
    assert layout.live().number == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, f"{name}.generations"])


def test_sizes_and_inodes_of_what_is_gone(tmp_path):
    assert size_of(tmp_path / "gone") == 0
    assert inode_of(tmp_path / "gone") is None
    assert inode_of(tmp_path) == (tmp_path.stat().st_dev, tmp_path.stat().st_ino)


def test_a_link_names_a_generation_however_its_folder_is_written_and_nothing_in_another_folder(tmp_path):
    real = tmp_path / "real"
    (real / "db.sqlite3.generations").mkdir(parents=True)
    (tmp_path / "elsewhere.generations").mkdir()
    (tmp_path / "alias").symlink_to("real")
    name = "0001-0123456789ab.sqlite3"
    layout = Layout(tmp_path / "alias" / "db.sqlite3")
    folders = {
        "db.sqlite3.generations": True,
        "../real/db.sqlite3.generations": True,
        str(real / "db.sqlite3.generations"): True,
        str(tmp_path / "alias" / "db.sqlite3.generations"): True,
        "../elsewhere.generations": False,
        str(tmp_path / "elsewhere.generations"): False,
        ".": False,
    }
    for folder, is_ours in folders.items():
        layout.link.unlink(missing_ok=True)
        layout.link.symlink_to(f"{folder}/{name}")
        assert (layout.live() is not None) is is_ours, folder
