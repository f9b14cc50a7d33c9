"""manage.py schemasync prune, and the automatic prune after a sync: old archives are removed, the way back is kept."""

import sqlite3
from datetime import timedelta

import pytest

from schemasync.sync import prune
from tests.support.project import V1

from .conftest import once

KEYS = {"result", "removed", "kept", "too_recent", "not_in_history", "set_aside", "left_by_switch", "hints", "errors"}


@pytest.fixture
def no_grace(monkeypatch):
    """Allow prune to remove archives that were live a moment ago: no program opens these databases by file name."""
    monkeypatch.setattr(prune, "GRACE", timedelta(0))


def grow(project, generations):
    """Sync this many times, each time with one more table. Return the names of all generations."""
    for number in range(generations):
        project.write({**V1, **{f"t{n}": {"id": "INTEGER PRIMARY KEY"} for n in range(number)}})
        project.done()
    return [name.removesuffix(".sqlite3") for name in project.generations()]


@pytest.fixture
def five(project, memory, settings):
    """A project with five generations, the last one live."""

    def arrange():
        settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 100}
        assert len(grow(project, 5)) == 5
        del settings.SCHEMASYNC["KEEP"]

    return once(memory / "five", project, arrange)


def left(project):
    return [int(name[:4]) for name in project.generations()]


def test_it_keeps_as_many_archives_as_asked_for_beside_the_live_file(five, no_grace):
    out = five.done("prune", keep=2).out
    assert left(five) == [3, 4, 5]
    assert out.startswith("removed 0002-")
    assert "removed 0001-" in out
    assert "kept: 0004-" in out
    assert sorted(path.name for path in five.archive.iterdir()) == [*five.generations(), "lock"]


def test_without_an_option_it_keeps_what_the_setting_says(five, no_grace, settings):
    five.done("prune")
    assert left(five) == [2, 3, 4, 5]
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 1}
    five.done("prune")
    assert left(five) == [4, 5]


def test_the_newest_archive_and_the_live_file_always_stay(five, no_grace):
    five.done("prune", "--older-than", "0")
    assert left(five) == [4, 5]
    ended = five.call("prune", keep=0)
    assert ended.code == 2
    assert "1 or more" in ended.error
    assert left(five) == [4, 5]
    five.done("rollback", noinput=True)


def test_after_a_swap_back_the_newest_archive_is_the_one_that_was_left_last(five, no_grace):
    five.done("rollback", "2", noinput=True)
    five.done("prune", keep=1)
    assert left(five) == [2, 5]
    five.done("rollback", noinput=True)
    assert five.live().startswith("0005-")


def test_what_a_rollback_set_aside_stays_until_somebody_says_otherwise(five, no_grace, settings):
    """The generation has a row that no other file has; the live database continues for more syncs than KEEP."""
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 1}
    set_aside = five.live()
    five.run_sql("INSERT INTO Log (what) VALUES ('only here')")
    five.done("rollback", "4", noinput=True)
    for number in range(3):
        five.write({**V1, **{f"t{n}": {"id": "INTEGER PRIMARY KEY"} for n in range(3)}, f"more{number}": {"id": "key"},
                    "_dropped": [f"more{n}" for n in range(number)]})  # fmt: skip
        out = five.done().out
        assert f"{set_aside} stays: it may have rows that the live file has not" in out
    assert "removed the archive 0006-" in out
    assert left(five) == [5, 7, 8]
    five.done("prune")
    assert left(five) == [5, 7, 8]
    assert five.done("prune", dry_run=True, json=True).json["set_aside"][0]["generation"] == set_aside
    five.done("rollback", set_aside, noinput=True)
    assert five.rows("SELECT what FROM Log") == [("only here",)]
    five.done("rollback", "8", noinput=True)
    five.done("prune", set_aside=True)
    assert left(five) == [5, 8], "the newest archive stays"


def test_older_than_spares_what_was_superseded_lately(five, no_grace):
    assert "nothing to remove" in five.done("prune", older_than=1).out
    assert left(five) == [1, 2, 3, 4, 5]
    five.done("prune", older_than=0.0, keep=3)
    assert left(five) == [2, 3, 4, 5]


@pytest.mark.parametrize("days", [-1, float("nan"), float("inf")])
def test_a_number_of_days_that_is_none_is_refused(five, days):
    assert five.call("prune", older_than=days).code == 2


def test_dry_run_removes_nothing_and_names_what_would_go(five, no_grace):
    assert "would remove 0001-" in five.done("prune", keep=3, dry_run=True).out
    found = five.done("prune", keep=1, dry_run=True, json=True).json
    assert found["result"] == "planned"
    assert [archive["generation"][:4] for archive in found["removed"]] == ["0003", "0002", "0001"]
    assert left(five) == [1, 2, 3, 4, 5]


def test_json_has_every_key(five, no_grace):
    found = five.done("prune", keep=2, json=True).json
    assert set(found) == KEYS
    assert found["result"] == "pruned"
    assert [archive["generation"][:4] for archive in found["kept"]] == ["0004", "0003"]
    for archive in (*found["removed"], *found["kept"]):
        assert set(archive) == {"generation", "bytes", "superseded_at"}
        assert archive["bytes"] > 0
        assert archive["superseded_at"].startswith("20")


def test_what_was_live_a_moment_ago_is_left_for_a_process_that_is_about_to_open_it(five):
    out = five.done("prune", keep=1).out
    assert left(five) == [1, 2, 3, 4, 5]
    assert out.count("kept for now, live until a moment ago") == 3
    assert len(five.done("prune", keep=1, json=True).json["too_recent"]) == 3


def test_what_is_no_archive_is_never_touched(five, no_grace):
    others = [five.archive / name for name in ("notes.txt", "0001-0123456789ab.sqlite3.bak", "backup.sqlite3")]
    for path in others:
        path.write_text("mine")
    five.done("prune", keep=1)
    assert all(path.read_text() == "mine" for path in others)


def test_a_sync_prunes_by_the_setting(project, settings, no_grace):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 2}
    grow(project, 6)
    assert left(project) == [4, 5, 6]


def test_the_default_keeps_three(project, no_grace):
    grow(project, 6)
    assert left(project) == [3, 4, 5, 6]


@pytest.mark.parametrize("make", [lambda link: None, lambda link: sqlite3.connect(link).execute("CREATE TABLE t (a)")])
@pytest.mark.parametrize("dry_run", [False, True])
def test_where_nothing_is_kept_there_is_nothing_to_prune_and_that_is_no_success(project, make, dry_run):
    make(project.link)
    ended = project.call("prune", dry_run=dry_run)
    assert ended.code == 3
    assert "[no-history]" in ended.error
    assert not project.archive.exists()


def test_a_number_of_days_beyond_all_calendars_is_reported_with_the_limit(five):
    assert "a number of days, 0 to 999,999,998" in five.call("prune", "--older-than", "99999999999").error


def test_applied_hints_are_one_line_of_a_plan_and_of_a_sync(project):
    """In a new database, all hints count as applied."""
    rooms = {
        "id": {"type": "INTEGER PRIMARY KEY", "was": ["room"]},
        "_was": ["Room"],
        "n": {"type": "INT", "fill": "1"},
    }
    project.write({"Rooms": rooms})
    project.done()
    project.write({"Rooms": rooms, "Log": {"id": "INTEGER PRIMARY KEY"}})
    line = "  note [hint-already-applied] 3 hints of schema.json do not act again on this database\n"
    fix = "    To remove them when no other database needs them: manage.py schemasync prune --hints\n"
    assert line + fix in project.done("plan").out
    assert project.done("plan", verbosity=2).out.count("[hint-already-applied]") == 3
    assert len(project.done("plan", json=True).json["hazards"]) == 3
    assert line + fix in project.done().out
    assert project.done("check").out.count("hint") == 2
    project.done("prune", hints=True)
    assert "hint" not in project.done("check").out


def test_hints_and_archives_are_not_pruned_at_once(five):
    ended = five.call("prune", hints=True, keep=2)
    assert (ended.code, "[bad-option] --hints removes no archives" in ended.err) == (2, True)


def test_prune_hints_keeps_the_version_and_needs_no_run_afterwards(evolved):
    text = evolved.schema.read_text().replace("{", "{ // the site\n", 1)
    evolved.schema.write_text(text)
    done = evolved.done("prune", hints=True)
    assert done.out.splitlines()[1:3] == ["  was on Users.full_name", "  _dropped of Users.fax"]
    after = evolved.schema.read_text()
    assert "_dropped" not in after and "was" not in after and after.startswith("{ // the site\n")
    assert "nothing to do" in evolved.done().out
    assert "nothing to remove" in evolved.done("prune", hints=True).out
    assert len(evolved.generations()) == 2, "no archive is removed"
