"""The documentation is true: each command, option, setting, code and id is explained, and every example works."""

from __future__ import annotations

import argparse
import ast
import json
import re
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from functools import cache

import pytest
import yaml
from django.dispatch import Signal
from django.test import override_settings

from demo_project.management.commands.demo import INVOICE_V2, NOTICE
from schemasync import conf, signals
from schemasync.diff.changes import FAMILY
from schemasync.diff.hazards import STOPS, HazardCode
from schemasync.engines.sqlite import metrics_file, validate
from schemasync.engines.sqlite.connection import Opener
from schemasync.errors import Code
from schemasync.files.disk import DiskStep
from schemasync.files.layout import Layout
from schemasync.history.row import HISTORY_TABLE
from schemasync.management import options
from schemasync.management.commands.schemasync import Command
from schemasync.metrics.totals import Spent, Totals
from schemasync.plan.model import Action
from schemasync.schema import document, shape_check

from .command.conftest import evolved, project, synced  # noqa: F401  fixtures
from .oracle import check
from .oracle.cases import CASE_KEYS, STEP_KEYS, case, parsed
from .pages import ROOT, Page, page, pages, without_figures
from .support.json_outputs import check as check_json
from .support.memory import memory, tmp_path  # noqa: F401  fixtures
from .support.processes import environment, run
from .test_architecture import ROOMS

README = ROOT / "README.md"
SHELL = {"console", "sh"}
EACH_PAGE = pytest.mark.parametrize("one", pages(), ids=lambda one: one.name)


def explained(where: Page) -> set[str]:
    """Return the code names that have a heading."""
    return {match[1] for heading in where.headings if (match := re.fullmatch(r"`([^`]+)`", heading))}


# --- commands -----------------------------------------------------------------------------------------------------

COMMANDS = page("docs/commands.md")
FOR_ALL = COMMANDS.section("Options that every action takes")
OF_ARGPARSE = {"-h", "--help", "--version"}


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of the main job, and that of each action."""
    main = Command().create_parser("manage.py", "schemasync")
    (actions,) = [found for found in main._actions if isinstance(found, argparse._SubParsersAction)]
    return {"schemasync": main, **actions.choices}


def shown(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the options and arguments of a parser that `--help` lists."""
    for action in parser._actions:
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction):
            yield action


def test_every_action_has_a_section_and_every_section_is_an_action():
    assert set(parsers()) == {"schemasync", *options.ACTIONS}
    assert explained(COMMANDS) == set(parsers())


@pytest.mark.parametrize("name", ["README.md", "docs/commands.md"])
def test_both_tables_of_commands_name_every_action(name):
    """The rows of the README begin with `… plan`, those of the page with a link to `schemasync plan`."""
    rows = re.findall(
        r"^\| \[?`(?:…|schemasync|manage\.py schemasync)(?: ([a-z]+))?[^`]*`", page(name).text, re.MULTILINE
    )
    assert sorted(rows) == sorted(["", *options.ACTIONS])


@pytest.mark.parametrize("name", parsers())
def test_every_option_of_an_action_is_explained(name):
    section = COMMANDS.section(f"`{name}`")
    for action in shown(parsers()[name]):
        for option in action.option_strings:
            assert option in OF_ARGPARSE or re.search(rf"`{option}\b", section + FOR_ALL), f"{name} {option}"
        if not action.option_strings:
            for word in str(action.metavar).split("|"):
                assert f"`{word}`" in section, f"{name} {word}"


def test_every_option_is_named_on_the_page():
    for name, parser in parsers().items():
        for action in parser._actions:
            for option in set(action.option_strings) - OF_ARGPARSE:
                assert f"`{option}" in COMMANDS.text, f"{name} {option}"


@EACH_PAGE
def test_every_option_that_a_page_names_exists(one):
    known = {option for parser in parsers().values() for action in parser._actions for option in action.option_strings}
    ours = [span for span in re.findall(r"`([^`\n]+)`", one.prose) if re.match(r"--|.*\bschemasync ", span)]
    assert {option for span in ours for option in re.findall(r"(?<!\S)--[a-z-]+", span)} <= known


@EACH_PAGE
def test_every_command_line_that_a_page_shows_is_understood(one):
    for fence in one.fences:
        for line in fence.text.splitlines() if fence.language in SHELL else ():
            called = re.search(r"manage\.py schemasync\b([^#|;]*)", line)
            if called and not line.startswith("To "):
                words = shlex.split(re.sub(r"\$\(.*?\)|&&.*", "", called[1]))
                parsers()["schemasync"].parse_args(words)


def test_exit_codes_are_the_ones_that_help_tells():
    reported = dict(re.findall(r"(\d) ([^;]+)", options.EXIT_CODES))
    for name in ("docs/commands.md", "docs/operations.md", "docs/errors.md"):
        listed = re.findall(r"^\| (\d) \|", page(name).text, re.MULTILINE)
        assert listed == sorted(reported), name


# --- settings, checks, codes --------------------------------------------------------------------------------------


def test_every_setting_is_explained_and_nothing_else():
    assert explained(page("docs/settings.md")) == set(conf.DEFAULTS)


def test_every_system_check_is_explained_and_nothing_else():
    pattern = re.compile(r"schemasync\.[CDEIW]\d{3}")
    known = {name for path in (ROOT / "schemasync").rglob("*.py") for name in pattern.findall(path.read_text("utf-8"))}
    assert set(pattern.findall(page("docs/settings.md").section("System checks"))) == known
    assert known


def test_every_error_code_is_explained_and_nothing_else():
    assert explained(page("docs/errors.md")) == set(Code)


def test_every_hazard_is_explained_and_nothing_else():
    hazards = page("docs/hazards.md")
    assert explained(hazards) == set(HazardCode)
    listed = re.findall(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \| (stops|note) \|", hazards.text, re.MULTILINE)
    assert {code: word for code, _, word in listed} == {
        str(code): "stops" if code in STOPS else "note" for code in HazardCode
    }
    assert all(code == anchor for code, anchor, _ in listed)


def test_every_key_of_a_schema_is_explained():
    text = page("docs/schema-format.md")
    for key in shape_check.TABLE_KEYS:
        assert f"| `{key}` |" in text.section("Keys of a table"), key
    for key in [*shape_check.TOP_KEYS, shape_check.FOR_EDITORS]:
        assert f"| `{key}` |" in text.section("Keys at the top"), key
    column = shape_check.json_schema()["$defs"]["column"]["anyOf"][1]["properties"]
    for key in column:
        assert f"| `{key}` |" in text.section("Columns"), key


# --- names that an application may import -------------------------------------------------------------------------

SIGNALS = page("docs/api/signals.md")


def test_every_signal_and_its_arguments_are_explained():
    sent = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}
    assert explained(SIGNALS) == set(sent)
    source = (ROOT / "schemasync" / "signals.py").read_text("utf-8")
    promised = dict(re.findall(r'^(\w+) = Signal\(\)\n"""(.*?)"""', source, re.DOTALL | re.MULTILINE))
    for name in sent:
        arguments = re.findall(r"^\| `(\w+)` \|", SIGNALS.section(f"`{name}`"), re.MULTILINE)
        assert len(arguments) == 3
        assert all(f"`{argument}`" in promised[name] for argument in arguments)


def test_every_type_of_change_is_listed_with_its_fields():
    listed = {
        row[0]: row[1:]
        for line in page("docs/api/changes.md").text.splitlines()
        if (row := re.findall(r"`(\w+)`", re.sub(r", an? `\w+` with.*", "", line))) and line.startswith("| `")
    }
    assert listed == {kind.__name__: [field.name for field in fields(kind)] for kind in FAMILY}


# --- examples -----------------------------------------------------------------------------------------------------

SCHEMAS = [
    pytest.param(fence, id=f"{one.name}:{fence.line}")
    for one in pages()
    for fence in one.fences
    if fence.language == "jsonc" and fence.comment != "fragment"
]


@pytest.mark.parametrize("fence", SCHEMAS)
def test_every_example_is_a_schema_that_sqlite_takes(fence):
    validate.validate_schema(document.read(fence.text.encode()).schema, Opener())


RESULTS = {
    fence.comment.removeprefix("json: "): json.loads(fence.text)
    for fence in COMMANDS.fences
    if fence.language == "json"
}
WITH_OPTIONS = {name: RESULTS.pop(name) for name in list(RESULTS) if " " in name}
BY_SCHEMA = WITH_OPTIONS | {"move": RESULTS["move"]}  # tests/postgres has real moves


def test_every_action_shows_its_json():
    assert set(RESULTS) == {"sync", *options.ACTIONS}


@pytest.mark.parametrize("name", BY_SCHEMA)
def test_the_json_is_as_the_schema_of_its_action_says(name):
    check_json(BY_SCHEMA[name], name.split()[0])


@pytest.mark.slow(but=["sync", "plan", "rollback", "check", "status", "history"])
@pytest.mark.parametrize("name", sorted(RESULTS.keys() - BY_SCHEMA.keys()))
def test_the_json_of_an_action_has_the_keys_that_the_page_shows(evolved, tmp_path, name):  # noqa: F811
    assert_alike(RESULTS[name], result(evolved, name, tmp_path), name)


FLEET = """
from datetime import UTC, datetime
from django.core.management import call_command
from schemasync.tenants import archive_tenant, create_tenant
from schemasync.tenants.models import Tenant
for alias in ("default", "tenant"):
    call_command("schemasync", database=alias, export=True, verbosity=0)
for key in ("acme", "beta", "old"):
    create_tenant(key)
archive_tenant("old")
said = {"code": "backup-overdue", "message": "there is no backup", "hint": "Make one."}
Tenant.objects.filter(key="acme").update(
    failure="[hazard] …", health="attention", problems=[said], health_at=datetime.now(UTC)
)
Tenant.objects.filter(key="beta").update(health="ok", health_at=datetime.now(UTC))
Tenant.objects.get(key="acme").sizes.create(day="2026-01-01", size=1)
"""


def fleet_status(folder):
    """Return the JSON of `tenants status` in a project where a tenant is behind, has failed, has grown, needs
    attention, and is open in this process."""
    variables = environment(DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(folder))
    ended = run(("-m", "django", "shell", "--verbosity=0", "-c", FLEET), folder, variables, fresh=True)
    assert ended.code == 0, ended.err
    schema = folder / "schema.tenant.json"
    schema.write_text(schema.read_text() + "\n")
    with closing(sqlite3.connect(folder / "tenants" / "acme" / "db.sqlite3")) as connection:
        connection.execute("SELECT * FROM sqlite_schema").fetchall()
        ended = run(("-m", "django", "schemasync", "tenants", "status", "--json"), folder, variables, fresh=True)
    return ended.json


def result(project, name, tmp_path):  # noqa: F811
    """Return the JSON of an action on a database after a sync, with as many parts filled as possible."""
    if name == "history":
        return project.done("history", json=True).json
    if name == "inspect":
        folder = tmp_path / "scripts"
        folder.mkdir()
        (folder / "1.sql").write_text("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        (folder / "1.down.sql").write_text("DROP TABLE t")
        return project.done("inspect", folder, json=True).json
    if name == "litestream":
        with override_settings(SCHEMASYNC={"SCHEMA": project.schema, "LITESTREAM": {"REPLICA": "s3://bucket/app"}}):
            return project.done("litestream", "config", json=True).json
    if name == "tenants":
        return fleet_status(tmp_path)
    if name == "snapshot":
        return project.done("snapshot", tmp_path / "copy.sqlite3", json=True).json
    if name in ("backups", "restore", "drill"):
        project.done("backup")
        project.run_sql("INSERT INTO Log VALUES (2, 'written since')")
        return project.done(name, noinput=True, json=True).json
    if name == "status":
        project.done("backup")
        project.done("drill")
    if name == "metrics":
        one = {int(time.time()): Totals(commits=1)}, {"SELECT * FROM Log": Spent(1, 1.0, 1.0)}
        assert metrics_file.add(Layout(project.link).metrics, project.link, *one)
    if name == "advise":
        slow = Totals(commits=10, write_seconds=1.0, idle=90, held_seconds=1.0)
        hours = {int(time.time()) // 900 * 900 - 900 * number: slow for number in range(8)}
        assert metrics_file.add(Layout(project.link).metrics, project.link, hours, {})
    if name == "rollback":
        project.run_sql("INSERT INTO Log VALUES (2, 'written since')")
        return project.done("rollback", noinput=True, json=True).json
    if name == "prune":
        # the second newest archive, if it were old enough
        project.write({})
        project.done(allow_drop=["Users", "Log", "Rooms"])
        return project.done("prune", older_than=0, json=True).json
    if name == "adopt":
        project.run_sql("CREATE TABLE t (x)", project.folder / "other.sqlite3")
        return project.done("adopt", database="other", schema=project.folder / "other.json", json=True).json
    if name == "hash":
        return project.done("hash", json=True).json
    if name == "export":  # Django builds the models' tables, which pytest-django allows only in another process
        return project.manage("export", "--json").json
    project.run_sql("CREATE INDEX by_hand ON Log (what)")
    project.write({"Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT NOT NULL"}, "_dropped": ["Users", "Rooms"]})
    if name == "cutover":
        with postponed(project):
            return project.done("cutover", json=True).json
    if name == "check":
        project.run_sql("ALTER TABLE Rooms ADD COLUMN by_hand TEXT")
        project.run_sql("CREATE TABLE stake_author (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE)")
        with override_settings(INSTALLED_APPS=["schemasync", "tests.apps.stake"]):
            return project.call("check", json=True).json
    return project.done(*([] if name == "sync" else [name]), json=True).json


@contextmanager
def postponed(project):  # noqa: F811
    """Start a run that waits for its cutover; the block must request it, and the run must then succeed."""
    running = subprocess.Popen(
        project.command("--postpone"), cwd=project.folder, env=environment(), stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not (project.folder / "db.sqlite3.generations" / "waiting").exists():
            assert time.monotonic() < deadline, "it does not wait"
            time.sleep(0.05)
        yield
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.wait()


def assert_alike(shown, real, where):
    """Assert the same keys at any depth; the values of a mapping by table names are compared as a list.

    The keys of changes differ between kinds of changes.
    """
    if isinstance(shown, dict) and isinstance(real, dict):
        if where.endswith((".schema", ".rows", ".brought_back")):
            return
        if where.endswith(".tables"):
            shown, real = list(shown.values()), list(real.values())
        else:
            assert set(shown) == set(real), where
            for key in shown:
                assert_alike(shown[key], real[key], f"{where}.{key}")
    if isinstance(shown, list) and isinstance(real, list) and not where.endswith(".changes"):
        for one in [item for item in shown if isinstance(item, dict)][:1]:
            assert real or where.endswith((".removed", ".kept")), f"{where} is empty"
            for other in real[:1]:
                assert_alike(one, other, where + "[]")


# --- links and names ----------------------------------------------------------------------------------------------


@EACH_PAGE
def test_every_link_leads_somewhere(one):
    for target in re.findall(r"\]\(([^)\s]+)\)", one.prose):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (one.path.parent / name).resolve() if name else one.path
        assert path.exists(), f"{one.name} links to {name}"
        if anchor:
            assert anchor in page(str(path.relative_to(ROOT))).anchors, f"{one.name} links to {target}"


@EACH_PAGE
def test_every_file_that_a_page_names_exists(one):
    named = set(re.findall(r"`((?:schemasync|tests|docs|benchmarks|demo_project|\.ci)/[\w./-]+)`", one.prose))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_name_that_the_pages_for_developers_use_is_in_the_code():
    code = {
        word
        for folder in ("schemasync", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for word in re.findall(r"\w+", path.read_text("utf-8"))
    }
    for one in pages():
        if "development" in one.path.parts or one.name == "CONTRIBUTING.md":
            named = re.findall(r"`(_?[A-Z][A-Za-z_]*[a-z_]\w*|_\w+|[a-z]\w*_\w+)`", one.prose)
            assert set(named) - {"Manager", "Helper"} - code == set(), one.name


def test_a_name_beside_files_is_in_one_of_them():
    for one in pages():
        for line in one.prose.splitlines() if "development" in one.path.parts or one.name == "CONTRIBUTING.md" else ():
            files = re.findall(r"`((?:schemasync|tests)/[\w/]+\.py)`", line)
            words = {word for file in files for word in re.findall(r"\w+", (ROOT / file).read_text("utf-8"))}
            named = set(re.findall(r"`(_?[A-Z][A-Za-z_]*[a-z_]\w*|_\w+|[a-z]\w*_\w+)`", line)) if files else set()
            assert named - words == set(), (one.name, line)


def test_the_picture_of_the_architecture_has_every_room():
    picture = page("docs/development/architecture.md").fences[0].text
    wings = {folder.name for folder in (ROOT / "schemasync" / "engines" / "sqlite").iterdir() if folder.is_dir()}
    assert {
        room for room in {*ROOMS, *wings} - {"__init__", "__pycache__"} if not re.search(rf"\b{room}\b", picture)
    } == set()


def test_the_index_lists_every_page_of_the_documentation():
    index = page("docs/index.md")
    listed = {
        (index.path.parent / target).resolve()
        for target in re.findall(r"^- \[.*?\]\(([^)]+)\)", index.text, re.MULTILINE)
    }
    assert {one.path for one in pages() if (ROOT / "docs") in one.path.parents} - listed == {index.path}


def test_every_page_is_linked_from_another():
    linked = {
        (one.path.parent / target.partition("#")[0]).resolve()
        for one in pages()
        for target in re.findall(r"\]\(([^)\s]+)\)", one.prose)
        if not target.startswith("#")
    }
    assert {one.path for one in pages()} - linked - {README} == set()


@cache
def functions() -> frozenset[str]:
    """Return the names of all test functions."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


@cache
def cases() -> frozenset[str]:
    """Return the names of all cases of tests/cases/*.yml."""
    return frozenset(
        case["name"]
        for path in (ROOT / "tests" / "cases").glob("*.yml")
        for case in yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    )


@EACH_PAGE
def test_every_test_that_a_page_cites_exists(one):
    assert set(re.findall(r"`(test_\w+)`", one.prose)) <= functions()
    cited = re.findall(r"`case: ([^`]+)`", one.prose)
    assert {" ".join(name.split()) for name in cited} <= cases()


def test_every_guarantee_is_shown_by_a_test():
    promised = page("docs/guarantees.md").text.partition("## What is not promised")[0]
    for bullet in re.findall(r"^- (.*?)(?=^- |^#|^$)", promised, re.DOTALL | re.MULTILINE):
        assert re.search(r"`test_|`case: |recovery\.md", bullet), bullet


# --- language -----------------------------------------------------------------------------------------------------

GLOSSARY = page("docs/glossary.md")


def entries() -> dict[str, str]:
    """Return the words of the glossary, each with its explanation."""
    parts = re.split(r"^## (.*)$", GLOSSARY.text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_glossary_is_short_enough_to_be_read_and_in_order():
    assert 20 <= len(entries()) <= 30
    assert list(entries()) == sorted(entries(), key=str.lower)


@pytest.mark.parametrize("word", entries())
def test_the_glossary_explains_each_word_in_one_or_two_sentences(word):
    explanation = entries()[word].partition("*Elsewhere:*")[0]
    assert 1 <= len(re.findall(r"\.(?=\s|$)", explanation)) <= 2
    assert f"(#{re.sub('[^a-z -]', '', word).replace(' ', '-')})" in GLOSSARY.text, "the list of contents leads there"


def test_the_glossary_has_the_names_that_the_code_has():
    for action, participle in {"keep": "kept", "rewrite": "rewritten", "create": "created", "drop": "dropped"}.items():
        assert Action(action) in Action
        assert f"*{participle}*" in entries()["step"]
    (step,) = re.findall(r"`([A-Z]+:[A-Z]+)`", entries()["disk step"])
    assert step in set(DiskStep)
    assert HISTORY_TABLE in entries()["history row"]


@pytest.mark.parametrize(("heading", "keys"), [("A case", CASE_KEYS), ("A step", STEP_KEYS)])
def test_every_key_of_a_case_is_explained_and_nothing_else(heading, keys):
    explained = re.findall(r"^\| `(\w+)` \|", page("tests/cases/README.md").section(heading), re.MULTILINE)
    assert sorted(explained) == sorted(keys)


@pytest.mark.parametrize("fence", [fence for fence in page("tests/cases/README.md").fences if fence.language == "yaml"])
def test_the_example_of_a_case_is_one(fence, tmp_path):  # noqa: F811
    (data,) = parsed(fence.text)
    one = case(data, "README")
    for strategy in one.strategies:
        folder = tmp_path / strategy
        folder.mkdir()
        check.run(one, strategy, folder)


# --- the README's commands, and its claims of absence -------------------------------------------------------------


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_the_commands_of_the_readme_are_those_that_run_in_ci(name):
    (fence,) = [fence for fence in page("README.md").fences if fence.comment == f"command: {name}"]
    assert fence.language in SHELL
    assert len(fence.text.splitlines()) == 1
    gate = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "<!-- command: $1 -->" in gate
    assert f"command_of {name}" in gate
    assert fence.text not in gate, "it is taken from the README, not repeated"


def test_what_is_shown_of_the_demo_is_what_it_prints(tmp_path):  # noqa: F811  the fixture
    """Times, sizes of files and the answer to the question are ignored."""

    def manage(*words, schema="schema.json"):
        moved = {"DEMO_DATABASE": str(tmp_path / "db.sqlite3"), "DEMO_SCHEMA": str(ROOT / "demo_project" / schema)}
        ended = run([ROOT / "manage.py", *words], ROOT, environment() | moved)
        assert ended.code == 0, ended
        return ended.out

    manage("schemasync")
    manage("filldemo", "--scale", "small")
    upgraded = without_figures(manage("schemasync", schema="schema_v2.json"))
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection, connection:
        for statement in (INVOICE_V2, NOTICE):
            connection.execute(statement)
    restored = without_figures(manage("schemasync", "rollback", "--noinput"))
    (demo,) = [fence for fence in page("README.md").fences if "4 new tables" in fence.text]
    upgrade, back = without_figures(demo.text.replace("Go back? [y/N] y\n", "")).split("\n\n")
    assert upgrade == f"$ python manage.py schemasync\n{upgraded}"
    assert back == f"$ python manage.py schemasync rollback\n{restored}"
    assert upgrade in [without_figures(fence.text) for fence in page("docs/commands.md").fences]


NOT_BUILT = re.compile(r"\btenants (?:restore)\b", re.IGNORECASE)


@EACH_PAGE
def test_no_page_speaks_of_what_is_not_built(one):
    assert not NOT_BUILT.search(one.text)
