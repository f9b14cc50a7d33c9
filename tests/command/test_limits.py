"""The limits that docs/is-it-for-me.md names: the disk space of archives, and copies of the link."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from schemasync.sync import prune
from tests.support.processes import environment
from tests.support.project import V1, V2, Project


@pytest.mark.slow(but=["1-2"])
@pytest.mark.parametrize(("keep", "at_rest"), [(3, 4), (1, 2)])
def test_the_disk_holds_the_live_file_and_the_archives_and_one_file_more_during_a_run(
    synced, settings, monkeypatch, keep, at_rest
):
    monkeypatch.setattr(prune, "GRACE", timedelta(0))
    if keep != 3:
        settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": keep}
    for number in range(5):
        synced.write({**V1, "Log": {"id": "INTEGER PRIMARY KEY", "what": f"TEXT CHECK (what <> '{number}')"}})
        synced.done()
    assert len(synced.generations()) == at_rest
    synced.write(V2)
    run = subprocess.Popen(
        synced.command("--postpone"), cwd=synced.folder, env=environment(), stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not (synced.archive / "waiting").exists():
            assert time.monotonic() < deadline, "it does not wait"
            time.sleep(0.05)
        assert len(synced.generations()) == at_rest + 1
        synced.done("cutover")
        assert run.wait(30) == 0
    finally:
        run.kill()
        run.wait()


COPIES = {  # a command, and whether its copy contains a row that is still in SQLite's log alone
    "cp db.sqlite3 copy/": False,
    "cp -rL db.sqlite3 db.sqlite3.generations copy/": False,
    "tar chf copy.tar db.sqlite3 db.sqlite3.generations && tar xf copy.tar -C copy": False,
    "cp -a db.sqlite3 db.sqlite3.generations copy/": True,
    "tar cf copy.tar db.sqlite3 db.sqlite3.generations && tar xf copy.tar -C copy": True,
    "python manage.py schemasync snapshot copy/db.sqlite3": True,
    """python -c "import sqlite3; sqlite3.connect('db.sqlite3').backup(sqlite3.connect('copy/db.sqlite3'))" """: True,
}


@pytest.mark.parametrize("command", COPIES)
def test_a_copy_through_the_link_lacks_what_is_in_the_log(synced, command):
    (synced.folder / "copy").mkdir()
    synced.command()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with closing(sqlite3.connect(synced.link)) as site:  # while it is open, SQLite leaves rows in the log
        site.execute("INSERT INTO Users VALUES (3, 'cy', NULL)")
        site.commit()
        subprocess.run(command, shell=True, cwd=synced.folder, env=environment(PATH=path), check=True)
    copy = Project(synced.folder / "copy")
    names = {name for (name,) in copy.rows("SELECT name FROM Users")}
    assert names == ({"ann", "bob", "cy"} if COPIES[command] else {"ann", "bob"})


def test_a_copy_of_the_link_alone_names_a_file_that_is_not_there(synced):
    """`cp -a` copies the link; a run in the copy ends and says so."""
    (synced.folder / "copy").mkdir()
    subprocess.run(["cp", "-a", synced.link, "copy/"], cwd=synced.folder, check=True)
    copy = Project(synced.folder / "copy")
    copy.write(V1)
    assert copy.link.is_symlink()
    ended = copy.manage()
    assert ended.code == 6
    assert "generation-missing" in ended.err


def test_a_copy_that_followed_the_link_can_be_adopted(synced):
    (synced.folder / "copy").mkdir()
    shutil.copy(synced.link, synced.folder / "copy" / "db.sqlite3")
    copy = Project(synced.folder / "copy")
    copy.write(V1)
    assert copy.manage().code == 3
    assert copy.manage("adopt").code == 0
    assert copy.manage().code == 0
    assert copy.rows("SELECT count(*) FROM Users") == [(2,)]
