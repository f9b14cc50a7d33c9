"""The report of a run: its content, that every outcome of a run writes one, and that writing it harms nothing."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schemasync.errors import UsageError
from schemasync.files.disk import DiskStep
from schemasync.sync.run.log_samples import MOST, LogSamples, Sample
from schemasync.sync.run.phase_times import PhaseTimes, RunPhase, phase_of
from tests.support.project import REWRITTEN, V1, V2

PROC = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux lists its locks")


def report(project, name="report.json"):
    found = json.loads((project.folder / name).read_text("utf-8"))
    schema = json.loads(resources.files("schemasync").joinpath("json_schemas", "report.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(found)
    return found


def reported(project, *words, **options):
    """Run a command with both reports; return how it ended, the JSON report and the text of the HTML report."""
    paths = [project.folder / "report.json", project.folder / "report.html"]
    ended = project.call(*words, report=list(map(str, paths)), **options)
    return ended, report(project), paths[1].read_text("utf-8")


def test_a_report_says_what_was_checked_what_was_done_and_where_the_time_went(synced):
    synced.write(REWRITTEN)
    ended, found, page = reported(synced)
    assert ended.code == 0, ended
    assert found["title"] == "schemasync report: synced"
    assert found["outcome"]["generation"] == synced.live()
    assert found["verification"] == {"is_full": False, "tables": ["Users"]}
    run = found["run"]
    assert {one["check"] for one in run["checks"]} >= {"disk", "rows and schema"}
    assert all(one["met"] for one in run["checks"])
    phases = {one["phase"]: one for one in run["phases"]}
    assert {"decide", "capture", "copy", "rows", "verification", "catch up", "cut over"} <= set(phases)
    assert (phases["rows"]["done"], phases["rows"]["unit"]) == (2, "rows")
    assert run["seconds"] == pytest.approx(sum(one["seconds"] for one in run["phases"]), abs=0.02)
    assert run["memory_bytes"] > 10_000_000
    assert run["log"]["samples"] == len(found["samples"]) >= 2
    for text in ("Users", "verification", "cut over", synced.live()):
        assert text in page


def test_the_times_of_all_phases_are_the_time_of_the_run():
    now = [0.0]
    times = PhaseTimes(lambda: now[0])

    def pass_through(step, seconds):
        times.step("before", step)
        now[0] += seconds
        times.step("after", step)

    now[0] += 1
    pass_through(DiskStep.RECOVER_REMOVE, 2)
    now[0] += 4
    pass_through(DiskStep.CAPTURE_INSTALL, 8)
    pass_through(DiskStep.BUILD_CREATE, 16)
    pass_through(DiskStep.BUILD_START, 32)
    pass_through(DiskStep.BUILD_REFILL, 64)
    pass_through(DiskStep.BUILD_ROUND, 128)
    pass_through(DiskStep.BUILD_REFILL, 256)
    times.count("rows", 10, "rows")
    times.count("rows", 5, "rows")
    found = {one.phase: (one.seconds, one.done) for one in times.all()}
    assert found == {
        RunPhase.DECIDE: (5, 0),
        RunPhase.CAPTURE: (8, 0),
        RunPhase.COPY: (48, 0),
        RunPhase.ROWS: (320, 15),
        RunPhase.REPLAY: (128, 0),
        RunPhase.RECOVERY: (2, 0),
    }


def test_every_step_of_the_disk_belongs_to_a_phase_or_to_the_one_before():
    assert {phase_of(step) for step in DiskStep} == {None, *RunPhase} - {RunPhase.DECIDE, RunPhase.COMPARISON}


def test_a_refused_run_has_a_report_that_says_why(synced):
    synced.write(
        {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "fax": "TEXT NOT NULL"}, "Log": V1["Log"]}
    )
    ended, found, page = reported(synced)
    assert ended.code == 3
    assert found["outcome"]["result"] == "refused"
    (error,) = found["outcome"]["errors"]
    assert error["code"] == "hazard"
    assert found["outcome"]["generation"] == synced.live()
    assert error["message"] in unescaped(page)


def test_a_run_that_fails_in_the_middle_has_a_report_up_to_there(synced, monkeypatch):
    def fail(*args, **kwargs):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("schemasync.sync.phases.build.references", fail)
    synced.write(REWRITTEN)
    ended, found, _ = reported(synced)
    assert ended.code == 4
    phases = [one["phase"] for one in found["run"]["phases"]]
    assert "verification" in phases
    assert "cut over" not in phases
    assert found["outcome"]["errors"][0]["code"] == "sqlite-error"


def test_an_invalid_schema_has_a_report_too(synced):
    synced.write('{"Users": ')
    ended, found, _ = reported(synced)
    assert ended.code == 3
    assert found["outcome"]["version"] is None
    assert found["outcome"]["errors"][0]["code"] == "schema-syntax"


def test_a_current_database_has_a_report_although_nothing_was_done(synced):
    ended, found, page = reported(synced)
    assert ended.code == 0
    assert found["outcome"]["result"] == "current"
    assert found["run"]["log"] is None
    assert "current" in page


def test_the_history_keeps_how_a_run_went(synced):
    synced.write(REWRITTEN)
    synced.done()
    newest, first = synced.done("history", json=True).json["generations"]
    assert {"decide", "rows", "cut over"} <= {one["phase"] for one in newest["run"]["phases"]}
    assert first["run"]["log"] is None, "there was no live file"
    synced.done("rollback", noinput=True)
    back = synced.done("history", json=True).json["generations"]
    assert back[0]["run"] is None, "a rollback is no sync"
    assert back[1]["run"] == newest["run"], "the file that is live again has the whole history"


def test_what_the_history_keeps_stays_small(synced):
    for number in range(3):
        synced.write({**V1, "Log": {"id": "INTEGER PRIMARY KEY", "what": f"TEXT CHECK (what <> '{number}')"}})
        synced.done()
    sizes = [len(json.dumps(one["run"])) for one in synced.done("history", json=True).json["generations"]]
    assert max(sizes) < 4000


def test_an_alteration_in_place_has_a_report(synced):
    synced.write({**V1, "Log": {**V1["Log"], "more": "TEXT"}})
    _, found, _ = reported(synced, in_place=True)
    assert "alter" in {one["phase"] for one in found["run"]["phases"]}
    assert synced.done("history", json=True).json["generations"][0]["run"] is not None


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("report.txt", 2, "neither HTML nor JSON"),
        ("nowhere/report.html", 3, "there is no folder"),
        ("schema.json", 3, "exists, and is no report"),
        ("db.sqlite3.generations", 2, "neither HTML nor JSON"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_done(synced, name, code, text):
    synced.write(V2)
    before, kept = synced.live(), (synced.folder / "schema.json").read_bytes()
    ended = synced.call(report=str(synced.folder / name))
    assert (ended.code, synced.live()) == (code, before)
    assert text in ended.err
    assert (synced.folder / "schema.json").read_bytes() == kept


def test_a_later_report_replaces_an_earlier_one(synced):
    reported(synced)
    synced.write(V2)
    _, found, page = reported(synced)
    assert found["outcome"]["result"] == "synced"
    assert "synced" in page


def test_a_report_that_fails_at_the_end_does_not_fail_the_run(synced, monkeypatch):
    folder = synced.folder / "reports"
    folder.mkdir()
    real = sqlite3.connect

    def connect(*args, **kwargs):
        shutil.rmtree(folder, ignore_errors=True)
        return real(*args, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", connect)
    synced.write(V2)
    ended = synced.done(report=str(folder / "report.html"))
    assert "the report was not written" in ended.err
    assert synced.live().startswith("0002")


class Outline(HTMLParser):
    """The parts of a page that a browser uses: its tags, everything that it would fetch, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.fetched, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.fetched += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.words.append(data)


def unescaped(page):
    outline = Outline()
    outline.feed(page)
    return "".join(outline.words)


def test_a_page_escapes_everything_runs_no_script_and_fetches_nothing(synced):
    name = '<script>alert("1")</script>'
    synced.write({**V2, name: {"id": "INTEGER PRIMARY KEY"}})
    _, found, page = reported(synced)
    outline = Outline()
    outline.feed(page)
    assert name in found["outcome"]["tables"]
    assert name in "".join(outline.words)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(outline.tags)
    assert outline.fetched == []
    assert not re.search(r"url\(|@import", page)


def test_all_databases_have_no_report_in_one_file(synced):
    ended = synced.call("--all", "--report", synced.folder / "report.html")
    assert ended.code == 2
    assert "--report" in ended.err


def test_another_action_has_no_use_for_a_report(synced):
    assert synced.call("plan", report="x.html").code == 2


def test_python_code_gets_a_report(synced):
    from schemasync import api

    synced.write(V2)
    api.sync(report=[synced.folder / "report.json"])
    assert report(synced)["outcome"]["result"] == "synced"
    with pytest.raises(UsageError):
        api.sync(report=[synced.folder / "report.pdf"])


# --- the log, and the readers that keep it ------------------------------------------------------------------------

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
print("there", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(path, begin):
    """Run another process in a transaction on the file, and yield its id."""
    words = [sys.executable, "-c", OTHER, str(path), begin]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "there\n"
        yield process.pid
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


@PROC
def test_the_process_that_keeps_the_log_is_named(synced):
    synced.write(REWRITTEN)
    with another_process(synced.link, "BEGIN") as reader:
        ended, found, page = reported(synced)
    assert ended.code == 0
    (seen,) = found["run"]["log"]["readers"]
    assert seen["pid"] == reader
    assert seen["command"].startswith("python")
    assert str(reader) in page


@PROC
def test_a_program_after_c_is_not_shown(synced):
    with another_process(synced.link, "BEGIN"):
        sample = taken(synced)
    assert "sqlite3" not in sample.readers[0].command


@PROC
def test_a_process_that_writes_is_counted_as_busy(synced):
    with another_process(synced.link, "BEGIN IMMEDIATE") as writer:
        sample = taken(synced)
        assert sample.writer.pid == writer
        samples = LogSamples([sample, sample])
        assert samples.as_json()["busy"] == 2
    assert taken(synced).writer is None


def taken(project):
    samples = LogSamples()
    with samples.watching(project.link.resolve()):
        pass
    return samples.found[-1]


def test_samples_take_no_lock_of_this_process_away(synced):
    """Another process must still find the lock of this process."""
    path = synced.link.resolve()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        samples = LogSamples(every=0.01)
        with samples.watching(path):
            time.sleep(0.1)
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert "locked" in other.stderr
    assert len(samples.found) > 3


def test_a_long_run_keeps_a_bounded_number_of_samples(synced):
    samples = LogSamples([Sample(float(second), second, None) for second in range(MOST)])
    with samples.watching(synced.link.resolve()):
        pass
    assert MOST / 2 < len(samples.found) < MOST
    assert samples.every == 2.0
    assert samples.as_json()["bytes_most"] == MOST - 2, "every other one is gone"
    assert samples.as_json()["busy"] in (None, 0)


def test_the_longest_stretch_of_a_reader_is_what_counts():
    from schemasync.engines.sqlite.lock_holders import Holders, Process

    long, often = Process(10**9, "python manage.py export"), Process(10**9 + 1, "gunicorn")
    seen = [(long, often), (long,), (long, often), (often,), (), (often,)]
    samples = LogSamples([Sample(float(at), 0, Holders(None, readers)) for at, readers in enumerate(seen)])
    first, second = samples.as_json()["readers"]
    assert (first["command"], first["seconds"], first["samples"]) == ("python manage.py export", 2.0, 3)
    assert (second["seconds"], second["samples"]) == (1.0, 4)
