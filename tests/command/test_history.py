"""manage.py schemasync history: generations, the newest first."""

import pytest

from schemasync.management.local_time import local_time
from tests.support.project import REWRITTEN, V1

ROW_KEYS = {
    "migrations",
    "id",
    "version",
    "applied_at",
    "action",
    "generation",
    "previous",
    "rows",
    "duration_ms",
    "pause_ms",
    "actor",
    "tool_version",
    "sqlite_version",
    "bytes",
    "live",
    "file_missing",
    "replay",
    "run",
    "changes",
}


def test_it_tells_when_what_and_who_the_newest_first(evolved):
    lines = evolved.done("history").out.splitlines()
    first, second = evolved.generations()
    assert lines[0].split() == ["generation", "when", "(UTC)", "action", "size", "took", "pause"]
    assert lines[1].startswith(f"live  {second.removesuffix('.sqlite3')}  20")
    assert " sync " in lines[1]
    assert "Users: name -> full_name" in lines[2]
    assert lines[3].startswith(f"      {first.removesuffix('.sqlite3')}  20")


def test_it_tells_how_many_rows_were_written(evolved):
    evolved.write(REWRITTEN)
    evolved.done()
    assert "2 rows written: Users: +UNIQUE" in evolved.done("history").out
    assert evolved.done("history", json=True).json["generations"][0]["rows"] == 2


def test_json_has_every_key_of_every_generation(evolved):
    found = evolved.done("history", json=True).json
    assert set(found) == {"result", "generations", "errors"}
    new, old = found["generations"]
    assert set(new) == set(old) == ROW_KEYS
    assert (new["live"], old["live"]) == (True, False)
    assert new["previous"] == old["generation"]
    assert new["bytes"] > 0
    assert new["rows"] == 0, "only a definition was edited"
    assert new["duration_ms"] >= new["pause_ms"] > 0
    assert {
        "change": "RenameColumn",
        "text": "Users: name -> full_name",
        "table": "Users",
        "old": "name",
        "new": "full_name",
    } in new["changes"]


def test_a_swap_back_is_a_row_of_its_own(evolved):
    evolved.done("rollback", noinput=True)
    lines = evolved.done("history").out.splitlines()
    assert "rollback" in lines[1]
    assert "back from 0002-" in lines[2]
    assert [row["action"] for row in evolved.done("history", json=True).json["generations"]] == [
        "rollback",
        "sync",
        "sync",
    ]


def test_a_file_that_was_pruned_is_gone(evolved):
    (evolved.archive / evolved.generations()[0]).unlink()
    assert "\ngone  0001-" in evolved.done("history").out
    assert [row["file_missing"] for row in evolved.done("history", json=True).json["generations"]] == [False, True]


def test_verbosity_2_tells_every_change(evolved):
    out = evolved.done("history", verbosity=2).out
    for text in ("Users: -fax, with its values", "Users: +CHECK (full_name <> '')", "Rooms: new table"):
        assert f"      {text}\n" in out


def test_however_much_changes_a_generation_takes_two_lines_of_a_page(synced):
    columns = {f"a_column_with_quite_a_long_name_{n}": "TEXT CHECK (1)" for n in range(40)}
    synced.write({**V1, "Wide": {"id": "INTEGER PRIMARY KEY"}})
    synced.done()
    synced.write({**V1, "Wide": {"id": "INTEGER PRIMARY KEY", **columns}})
    synced.done()
    lines = synced.done("history").out.splitlines()
    assert len(lines) == 1 + 2 * 3
    assert max(map(len, lines)) <= 120
    assert "; and " in lines[2]


def test_many_new_tables_are_counted(project):
    project.write({f"t{n}": {"id": "INTEGER PRIMARY KEY"} for n in range(9)})
    project.done()
    assert ": 9 new tables\n" in project.done("history").out


def test_where_there_is_none_it_says_how_it_begins(project):
    ended = project.call("history")
    assert ended.code == 3
    assert "[no-history]" in ended.error
    assert "manage.py schemasync adopt" in ended.error


def test_a_plain_copy_tells_its_story_too(evolved):
    copy = evolved.folder / "other.sqlite3"
    evolved.done("snapshot", copy)
    found = evolved.done("history", database="other", json=True).json["generations"]
    assert [row["file_missing"] for row in found] == [False, True]
    assert not found[0]["live"]
    assert found[0]["bytes"] == copy.stat().st_size


@pytest.mark.parametrize(
    ("zone", "use_tz", "shown"),
    [
        ("UTC", True, ("when (UTC)", "2026-01-04 11:12", "2026-01-05 11:12")),
        ("Europe/Berlin", True, ("when (CET)", "2026-01-04 12:12", "2026-01-05 12:12")),
        ("America/New_York", False, ("when (EST)", "2026-01-04 06:12", "2026-01-05 06:12")),
    ],
)
def test_times_are_in_the_time_zone_of_the_site_in_the_commands_and_in_the_admin(
    evolved, settings, zone, use_tz, shown
):
    settings.TIME_ZONE, settings.USE_TZ = zone, use_tz
    evolved.run_sql("UPDATE _schema_versions SET applied_at = '2026-01-0' || (id + 3) || 'T11:12:13.456Z'")
    lines = evolved.done("history").out.splitlines()
    assert (lines[0].count(shown[0]), shown[2] in lines[1], shown[1] in lines[3]) == (1, True, True)
    at = f"{shown[2]} {shown[0][6:-1]}"
    assert f"since {at}, by " in evolved.done("status").out
    assert local_time("2026-01-05T11:12:13.456Z") == at
    evolved.run_sql("UPDATE _schema_versions SET applied_at = '2026-07-04T11:12:13.456Z' WHERE id = 1")
    if zone != "UTC":
        assert "  when  " in evolved.done("history").out, "summer and winter: each time has its zone"


def test_what_is_not_a_time_is_shown_as_it_is():
    assert [local_time(text) for text in ("", "soon", "2026-13-01T00:00:00Z")] == ["", "soon", "2026-13-01T00:00:00Z"]
    assert local_time("2026-01-05T11:12:13").startswith("2026-01-05 ")
