"""The pages of docs/api/ describe all that an application may import, as it is in the code, and their examples run."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from pkgutil import resolve_name
from typing import is_typeddict

import pytest
from django.dispatch import Signal

from schemasync import api, errors, signals, testing
from schemasync.models import SchemaVersion

from . import api_pages
from .api.conftest import sync_to_async_thread  # noqa: F401  fixture
from .command.conftest import evolved, project, synced  # noqa: F401  fixtures
from .pages import ROOT, Page, page
from .support.memory import memory, tmp_path  # noqa: F401  fixtures
from .support.project import REWRITTEN

PAGES = [page(str(path.relative_to(ROOT))) for path in sorted(api_pages.FOLDER.glob("*.md"))]
OF_ONE_FUNCTION = {name: getattr(api, name) for name in api.__all__ if inspect.isfunction(getattr(api, name))}
OTHERS = {
    "schemasync.actor.acting_as",
    "schemasync.actor.ActorMiddleware",
    "schemasync.backends.superseded.Superseded",
    "schemasync.backends.superseded.again_when_superseded",
    "schemasync.backends.startup.NotCurrent",
    "schemasync.orm.models_for.models_for",
    "schemasync.models.SchemaVersion",
}


def headings() -> set[str]:
    """Return the code names that are headings, on any page."""
    return {match[1] for one in PAGES for text in one.headings if (match := re.fullmatch(r"`([^`]+)`", text))}


def rows(text: str) -> set[str]:
    """Return the code names in the first cells of tables."""
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_what_the_pages_say_of_the_code_is_up_to_date():
    stale = [path.name for path, text in api_pages.pages().items() if text != path.read_text("utf-8")]
    assert not stale, "write them again: python -m tests.api_pages --write"


def test_every_public_name_has_a_page_or_a_part_of_one():
    public = {*api.__all__, *testing.__all__, *(name.rpartition(".")[2] for name in OTHERS)}
    public |= {name for name, found in vars(signals).items() if isinstance(found, Signal)}
    public |= {name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)}
    assert public - headings() == set(), "a heading in docs/api/ is missing, with the name in backticks"


def test_every_public_function_is_shown_with_its_signature():
    public = {f"schemasync.api.{name}" for name in OF_ONE_FUNCTION} | {name for name in OTHERS if name.islower()}
    public |= {f"schemasync.testing.{one}" for one in testing.__all__ if inspect.isfunction(getattr(testing, one))}
    shown = {name for one in PAGES for name in re.findall(r"<!-- signature: ([\w.]+) -->", one.text)}
    assert public - shown == set(), "<!-- signature: NAME --> and <!-- end -->, then: python -m tests.api_pages --write"


@pytest.mark.parametrize("name", OF_ONE_FUNCTION)
def test_the_page_of_a_function_explains_each_argument(name):
    text = page(f"docs/api/{name}.md").text
    (table,) = re.findall(r"^\| argument \|.*?\n\n", text, re.DOTALL | re.MULTILINE)
    assert rows(table) == set(inspect.signature(OF_ONE_FUNCTION[name]).parameters)


def test_every_key_of_what_a_function_returns_is_named():
    for name in api.__all__:
        if is_typeddict(kind := getattr(api, name)):
            (where,) = [one for one in PAGES if f"schemasync.api.{name}" in one.text]
            assert rows(where.section(f"`{name}`")) == set(kind.__annotations__), name


def test_every_attribute_of_a_public_class_is_named():
    for name in {*api.__all__, *testing.__all__}:
        if is_dataclass(kind := {**vars(testing), **vars(api)}[name]):
            (where,) = [one for one in PAGES if f"`{name}`" in one.headings]
            public = {one for one in (*vars(kind), *(field.name for field in fields(kind))) if not one.startswith("_")}
            assert public - set(re.findall(r"`(\w+)`", where.section(f"`{name}`"))) == set(), name
    columns = {field.name for field in SchemaVersion._meta.get_fields()} - {"id"}
    assert columns - set(re.findall(r"`(\w+)`", page("docs/api/schema-version.md").text)) == set()


def test_every_dotted_name_can_be_imported():
    for one in [page("docs/python-api.md"), *PAGES]:
        for name in re.findall(r"`(schemasync(?:\.\w+)+)(?:\([^`]*\))?`", one.text):
            if not re.search(r"E\d+$", name):
                assert resolve_name(name), name


def test_the_index_leads_to_each_page():
    linked = set(re.findall(r"\]\(api/([\w-]+\.md)\)", page("docs/python-api.md").text))
    assert linked == {one.path.name for one in PAGES}


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.path.name)
def test_the_examples_of_a_page_run(one: Page, evolved, sync_to_async_thread, monkeypatch):  # noqa: F811
    """They run in a project whose database has two generations, with a pending change of schema.json."""
    evolved.write(REWRITTEN)
    evolved.run_sql("CREATE TABLE t (x)", evolved.folder / "other.sqlite3")
    monkeypatch.chdir(evolved.folder)
    receivers = {signal: list(signal.receivers) for signal in vars(signals).values() if isinstance(signal, Signal)}
    examples = [fence for fence in one.fences if fence.comment == "example"]
    try:
        for fence in examples:
            code = "\n" * fence.line + fence.text
            exec(compile(code, one.path, "exec", dont_inherit=True), {"__name__": "example"})
    finally:
        for signal, before in receivers.items():
            signal.receivers = before
            signal.sender_receivers_cache.clear()
    assert examples or one.path.name == api_pages.SHARED
