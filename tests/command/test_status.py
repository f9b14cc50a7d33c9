"""manage.py schemasync status: the state of the database, above all after a backup was restored by hand."""

from tests.support.project import V1


def test_a_backup_that_was_moved_over_the_link_is_called_what_it_is(evolved):
    """The history of the file names a generation, but the file at the path is not that generation."""
    live = evolved.live()
    evolved.done("snapshot", evolved.folder / "backup.sqlite3")
    (evolved.folder / "backup.sqlite3").rename(evolved.link)
    found = evolved.done("status", json=True).json
    assert found["result"] == "problem"
    assert found["database"] == "plain"
    assert (found["generation"], found["version"]) == (None, None)
    (error,) = found["errors"]
    assert error["code"] == "not-adopted"
    assert f"a copy of {live}" in error["message"]
    out = evolved.done("status").out
    assert "is live:" not in out
    assert "manage.py schemasync adopt" in out

    aside = evolved.folder / "db.sqlite3.aside"
    assert f"mv {evolved.link} {aside}" in out
    evolved.link.rename(aside)  # as the output says
    evolved.done()
    assert evolved.live() == live
    assert evolved.done("status", json=True).json["result"] == "ok"


def test_it_goes_on_with_that_file_when_it_was_taken_over(evolved):
    evolved.done("snapshot", evolved.folder / "backup.sqlite3")
    (evolved.folder / "backup.sqlite3").rename(evolved.link)
    evolved.done("adopt")
    found = evolved.done("status", json=True).json
    assert (found["result"], found["generation"], found["errors"]) == ("ok", evolved.live(), [])


def test_a_file_without_a_history_over_the_link_is_trouble_too(evolved):
    evolved.run_sql("CREATE TABLE other (x)", evolved.folder / "other.db")
    (evolved.folder / "other.db").rename(evolved.link)
    (error,) = evolved.done("status", json=True).json["errors"]
    assert error["code"] == "not-adopted"
    assert "copy of" not in error["message"]


def test_a_database_that_was_never_taken_over_is_in_no_trouble(project):
    project.run_sql("CREATE TABLE other (x)")
    found = project.done("status", json=True).json
    assert (found["result"], found["generation"], found["errors"]) == ("ok", None, [])


def test_a_copy_elsewhere_is_a_copy_and_not_a_generation_that_is_live(evolved):
    evolved.done("snapshot", evolved.folder / "other.sqlite3")
    found = evolved.done("status", database="other", json=True).json
    assert (found["result"], found["generation"]) == ("problem", None)
    assert "mv" not in found["errors"][0]["hint"]


def test_a_database_that_was_left_by_eject_is_in_no_trouble(evolved):
    evolved.done("eject")
    assert evolved.generations() != []
    found = evolved.done("status", json=True).json
    assert (found["result"], found["generation"], found["errors"]) == ("ok", None, [])


def test_it_says_that_a_sync_is_pending(synced):
    found = synced.done("status", json=True).json
    assert found["schema_version"] == found["version"]
    assert "is not live" not in synced.done("status").out
    synced.write({**V1, "Extra": {"id": "key"}})
    wanted = synced.done("hash", json=True).json["version"]
    found = synced.done("status", json=True).json
    assert found["schema_version"] == wanted != found["version"]
    assert f"schema.json has version {wanted[2:14]}, which is not live" in synced.done("status").out


def test_it_reports_for_what_a_sync_would_be_refused(evolved):
    evolved.run_sql("ALTER TABLE Log ADD COLUMN by_hand; CREATE TABLE not_ours (a)")
    found = evolved.done("status", json=True).json
    assert (found["result"], [one["code"] for one in found["errors"]]) == ("problem", ["drift"])
    assert "changed by hand" in evolved.done("status").out
    assert "not_ours" not in evolved.done("status").out
    evolved.done("rollback", interactive=False)
    found = evolved.done("status", json=True).json
    assert (found["result"], [one["code"] for one in found["errors"]]) == ("problem", ["older-version"])
    evolved.schema.write_text("{")
    found = evolved.done("status", json=True).json
    assert (found["schema_version"], [one["code"] for one in found["errors"]]) == (None, ["schema-syntax"])
    evolved.schema.unlink()
    found = evolved.done("status", json=True).json
    assert (found["schema_version"], [one["code"] for one in found["errors"]]) == (None, ["schema-unreadable"])
