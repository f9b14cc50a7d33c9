"""On a terminal there are progress bars, colours and a question; in a log there are none."""

import os
import subprocess

import pytest

from tests.support.processes import environment
from tests.support.project import V2
from tests.support.sample import some

from .tty import CTRL_C, CTRL_D, on_terminal, plain

ESCAPE = "\x1b["


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        pytest.param("y\n", 0, "is live again", id="y"),
        pytest.param("n\n", 2, "nothing was changed", id="n"),
        pytest.param(CTRL_C, 4, "stopped by SIGINT; the live file is unchanged", id="ctrl-c"),
        pytest.param("\n", 2, "nothing was changed", id="enter", marks=pytest.mark.slow),
        pytest.param(CTRL_D, 2, "nothing was changed", id="ctrl-d", marks=pytest.mark.slow),
    ],
)
def test_rollback_shows_what_was_written_since_and_asks(evolved, typed, code, says):
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    before = evolved.live()
    ended = on_terminal(evolved.command("rollback"), evolved.folder, [("Go back? [y/N] ", typed)])
    shown = plain(ended.out)
    assert ended.code == code, shown
    assert says in shown
    assert "Traceback" not in shown
    assert shown.index("Users      1        0        0") < shown.index("Go back?")
    assert (evolved.live() != before) == (code == 0)
    if code != 0:
        evolved.done("rollback", noinput=True)


def test_a_sync_shows_bars_that_are_gone_afterwards(synced):
    synced.write(V2)
    ended = on_terminal(synced.command("--no-color"), synced.folder)
    assert ended.code == 0
    assert ESCAPE in ended.out
    for phase in ("copy", "rows", "verification"):
        assert f"{phase}:" not in ended.out, "a bar, no line"
        assert phase in ended.out
    assert "100%" in ended.out
    assert "is live: version" in plain(ended.out)


def test_json_on_a_terminal_is_json_and_nothing_else(synced):
    """Coding agents may run commands on a terminal."""
    synced.write(V2)
    ended = on_terminal(synced.command("--json"), synced.folder)
    assert ended.json["result"] == "synced"


def test_history_is_coloured_and_fits_a_terminal_of_80_columns(evolved):
    ended = on_terminal(evolved.command("history"), evolved.folder, columns=80)
    assert ESCAPE in ended.out
    lines = plain(ended.out).splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80
    assert "; and " in lines[2]


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--no-color", "history"), ("history", "--no-color")], ids=" ".join)
def test_no_color_takes_the_colours_away(evolved, words):
    assert ESCAPE not in on_terminal(evolved.command(*words), evolved.folder).out


def test_elsewhere_there_are_no_colours_unless_they_are_forced(evolved):
    assert ESCAPE not in evolved.done("history").out
    assert ESCAPE in evolved.done("history", "--force-color").out


@pytest.mark.slow
def test_inspect_asks_before_it_replaces_a_file(synced):
    out = synced.folder / "out.json"
    for typed, code in (("n\n", 3), ("y\n", 0)):
        out.write_text("mine")
        command = synced.command("inspect", synced.link, "-o", "out.json")
        ended = on_terminal(command, synced.folder, [("Replace it? [y/N] ", typed)])
        assert ended.code == code
        assert (out.read_text() == "mine") == (code == 3)


RENAMED = """{
  "Users": {
    "id": "INTEGER PRIMARY KEY",
    // as spoken
    "full_name": "TEXT NOT NULL",
    "fax": "TEXT"
  },
  "Diary": {"id": "INTEGER PRIMARY KEY", "what": "TEXT"}
}
"""
QUESTION = "Was Users.name renamed to full_name? If not, the column is dropped, with 2 values. [y/n] "
TABLE = "Was the table Log renamed to Diary? If not, the table is dropped, with 1 row. [y/n] "


def test_a_sync_of_a_handwritten_schema_asks_what_was_renamed_and_writes_the_hint(synced):
    synced.write(RENAMED)
    answers = [(TABLE, "\n"), ("Please answer y or n.", "y\n"), (QUESTION, "y\n")]
    ended = on_terminal(synced.command(), synced.folder, answers, columns=120)
    assert ended.code == 0, ended.out
    assert synced.rows("SELECT full_name, fax FROM Users") == [("ann", "1"), ("bob", None)]
    assert synced.rows("SELECT what FROM Diary") == [("begun",)]
    text = synced.schema.read_text()
    assert '// as spoken\n    "full_name": {"type": "TEXT NOT NULL", "was": ["name"]},' in text
    assert '"_was": ["Log"]' in text


def test_no_drops_the_column_that_the_question_names(synced):
    synced.write(RENAMED.replace("Diary", "Log").replace("TEXT NOT NULL", "TEXT"))
    ended = on_terminal(synced.command(), synced.folder, [(QUESTION, "n\n")], columns=120)
    assert ended.code == 0, ended.out
    assert synced.rows("SELECT full_name, fax FROM Users") == [(None, "1"), (None, None)]
    assert '"_dropped": ["name"]' in synced.schema.read_text()


@pytest.mark.parametrize("typed", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
def test_no_answer_changes_nothing(synced, typed):
    synced.write(RENAMED)
    ended = on_terminal(synced.command(), synced.folder, [(TABLE, "y\n"), (QUESTION, typed)], columns=120)
    assert (ended.code, "nothing was changed" in ended.out) == (2, True), ended.out
    assert synced.schema.read_text() == RENAMED
    assert synced.rows("SELECT name FROM Users") == [("ann",), ("bob",)]


def test_without_a_terminal_nobody_is_asked(synced):
    synced.write(RENAMED)
    ended = on_terminal(synced.command("--noinput"), synced.folder)
    assert (ended.code, "[y/n]" in ended.out) == (3, False)
    assert synced.manage().code == 3


def into_a_closed_pipe(project, *words, stderr=False):
    """Return the exit code and stderr of a command whose stdout has no reader; with `stderr`, neither has one."""
    read, write = os.pipe()
    os.close(read)
    command = project.command(*words)
    to = write if stderr else subprocess.PIPE
    process = subprocess.Popen(command, cwd=project.folder, env=environment(), stdout=write, stderr=to, text=True)
    os.close(write)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("words", some(["history", "history --json", "--help", ""], {"history --json", ""}))
def test_a_closed_pipe_is_no_error(evolved, words):
    assert into_a_closed_pipe(evolved, *words.split()) == (0, "")


# With stderr, both streams are closed.
@pytest.mark.slow
@pytest.mark.parametrize("stderr", some([False, True], {True}))
def test_a_run_goes_on_when_nobody_reads_its_lines(synced, stderr):
    synced.write(V2)
    code, err = into_a_closed_pipe(synced, stderr=stderr)
    assert (code, err) == (0, None if stderr else "")
    assert synced.rows("SELECT full_name FROM Users") == [("ann",), ("bob",)]
    synced.write("{")
    assert into_a_closed_pipe(synced, stderr=True)[0] == 3, "the exit code is that of the work"


def test_no_color_is_honoured(evolved):
    def shown(*words, value="1"):
        return on_terminal(evolved.command(*words), evolved.folder, NO_COLOR=value).out

    assert ESCAPE not in shown("history")
    assert ESCAPE not in shown("rollback", "9999")
    assert ESCAPE in shown("history", "--force-color")
    assert ESCAPE in shown("rollback", "9999", value="")
