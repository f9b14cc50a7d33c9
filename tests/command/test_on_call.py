"""docs/operations.md, "Woken up": its first commands name each state, and the remedies work."""

import shutil
import subprocess

import pytest

from tests.pages import page

pytest.importorskip("backports.zstd")


def gone(project):
    project.link.resolve().unlink()


def damaged(project):
    live = project.link.resolve()
    project.run_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    live.write_bytes(b"\xff" * live.stat().st_size)


def unfinished(project):
    project.run_sql(
        "CREATE TABLE _schemasync_fence (swap INTEGER NOT NULL, successor TEXT NOT NULL, at TEXT NOT NULL);"
        "INSERT INTO _schemasync_fence VALUES (9, '0003-000000000000', '')"
    )


@pytest.mark.slow(but=["damaged"])
@pytest.mark.parametrize(
    ("arrange", "code"), [(gone, "generation-missing"), (damaged, "not-a-database"), (unfinished, "swap-unfinished")]
)
def test_health_and_status_name_what_is_wrong_and_change_nothing(evolved, arrange, code):
    arrange(evolved)
    names = sorted(evolved.folder.rglob("*"))
    assert evolved.call("health", json=True).json["errors"][0]["code"] == code
    assert code in evolved.call("status").out
    assert sorted(evolved.folder.rglob("*")) == names


def test_a_copy_of_everything_is_a_way_back_whatever_follows(evolved, tmp_path):
    """The page's command makes the copy, and then everything is deleted."""
    (command,) = [
        line for fence in page("docs/operations.md").fences for line in fence.text.splitlines() if "/mnt/other" in line
    ]
    aside = tmp_path / "other"
    aside.mkdir()
    subprocess.run(command.replace("/mnt/other", str(aside)), shell=True, check=True, cwd=evolved.folder)
    shutil.rmtree(evolved.archive)
    evolved.link.unlink()
    evolved.done("restore", aside / "night" / "db.sqlite3", noinput=True)
    assert evolved.rows("SELECT full_name FROM Users ORDER BY id") == [("ann",), ("bob",)]
