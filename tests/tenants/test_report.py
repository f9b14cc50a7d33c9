"""`schemasync tenants report` prints the rows of one SELECT on the files of all tenants."""

import csv
import io
import json

import pytest

from tests.support.processes import environment, run

BEGIN = """
from tests.tenants.inside import new
from schemasync.tenants.paths import path_of
from django.core.management import call_command
for alias in ("default", "tenant"):
    call_command("schemasync", database=alias, export=True, verbosity=0)
new("ann", 'a "quoted", name')
new("bob")
path_of(new("cy")).resolve().write_bytes(b"no database" * 1000)
"""
NAMES = "SELECT name, x'00ff' AS code, NULL AS empty, 1e999 AS much FROM shop_author ORDER BY name DESC"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    variables = environment(DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(folder))
    ended = run(("-m", "django", "shell", "--verbosity=0", "-c", BEGIN), folder, variables, fresh=True)
    assert ended.code == 0, ended.err
    return lambda *words: run(("-m", "django", "schemasync", "tenants", "report", *words), folder, variables)


def test_a_table_has_the_key_first_and_a_file_that_cannot_be_read_is_named_at_the_end(report):
    ended = report("SELECT count(*) AS authors, max(name) AS last FROM shop_author")
    assert [line.split("  ")[0] for line in ended.out.splitlines()] == ["tenant", "t1", "t2"]
    assert ended.out.splitlines()[2].split() == ["t2", "1", "bob"]
    assert ended.code == 4
    assert ended.err.startswith("CommandError: t3: [not-a-database]")


def test_csv_keeps_what_needs_quotes(report):
    ended = report(NAMES, "--format", "csv", "--tenant", "t1", "--tenant", "t2")
    assert ended.code == 0
    assert list(csv.reader(io.StringIO(ended.out))) == [
        ["tenant", "name", "code", "empty", "much"],
        ["t1", "ann", "00ff", "", "inf"],
        ["t1", 'a "quoted", name', "00ff", "", "inf"],
        ["t2", "bob", "00ff", "", "inf"],
    ]


@pytest.mark.parametrize("as_json", [["--json"], ["--format", "json"]], ids=" ".join)
def test_json_has_rows_and_what_failed(report, as_json):
    ended = report(NAMES, *as_json)
    found = json.loads(ended.out)
    assert found["columns"] == ["tenant", "name", "code", "empty", "much"]
    assert found["rows"][-1] == ["t2", "bob", "00ff", None, "inf"]
    assert [(one["key"], one["problems"][0]["code"]) for one in found["failed"]] == [("t3", "not-a-database")]
    assert ended.code == 4


@pytest.mark.parametrize(
    ("words", "code"), [((), "needs a query"), (("DELETE FROM shop_author",), "may only read"), ((NAMES, "--most-rows", "0"), "--most-rows 0 is invalid")]
)  # fmt: skip
def test_a_report_that_makes_no_sense_is_refused(report, words, code):
    ended = report(*words)
    assert ended.code == 2
    assert code in ended.err
