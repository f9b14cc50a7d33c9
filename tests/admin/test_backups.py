"""The admin shows the times of the last backups, and which backup a generation was restored from."""

import pytest

pytest.importorskip("backports.zstd")


@pytest.mark.slow
def test_the_overview_names_the_last_backup_and_drill_and_the_history_a_restored_one(operated, visit):
    text = visit("print(json.dumps(body(visitor('root').get(BASE))))")
    assert "last backup" not in text and "last drill" not in text
    operated.done("schemasync", "backup")
    operated.done("schemasync", "drill")
    operated.done("schemasync", "restore", "--noinput")
    found = visit(
        """
        client = visitor("root")
        pages = [body(client.get(BASE + page)) for page in ("", "3/change/", "2/change/", "3/sql/", "2/rollback/")]
        print(json.dumps(pages))
        """
    )
    overview, restored, *others = found
    assert all("0002-" in page or "0003-" in page for page in others)
    assert "last backup" in overview and "last drill" in overview
    assert "was restored" in overview and "the backup 20" in restored
    assert "0003-" in restored and "0002-" in restored
    (file,) = (operated.folder / "db.sqlite3.backups" / "default").glob("*.zst")
    file.write_bytes(b"")
    assert operated.manage("schemasync", "drill").code == 1
    assert "failed: backup-damaged" in visit("print(json.dumps(body(visitor('root').get(BASE))))")
