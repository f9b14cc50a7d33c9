"""The commands of the how-to pages and of the beginning of the README run: each page starts with a small project with
three customers."""

import ast

import pytest

from schemasync.schema import document

from .oracle import check
from .oracle.cases import case
from .pages import ROOT, Page, page
from .support.site import Site
from .typed import commands, comparable, run, type_page

MODELS = """from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=100)
    phone = models.CharField(max_length=40, null=True, blank=True)
"""
ROWS = "INSERT INTO shop_customer (name, phone) VALUES ('Ann Smith', '0151 1'), ('Bob', NULL), ('Cy Young', '0151 3')"

TYPED = [
    "branches", "editor", "models", "rename", "split-column", "not-null", "change-key", "large-file", "data-migration", "tests", "test-schema-changes", "upgrade", "mixins",
    "guard-a-run", "keep-writes", "rehearse", "mask", "outgrow",
]  # fmt: skip
READ = ["ci", "deploy", "docker", "health", "litestream"]  # not run: they need servers, containers or other programs


@pytest.fixture(scope="session")
def _begun(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("howto") / "site", MODELS)
    site.done("schemasync", "--export")
    site.run_sql(ROWS)
    return site


@pytest.fixture
def site(_begun, tmp_path):
    return _begun.copy(tmp_path / "site")


def how_to(name: str) -> Page:
    return page(f"docs/howto/{name}.md")


def test_every_page_is_typed_or_needs_what_is_not_here():
    names = {path.stem for path in (ROOT / "docs" / "howto").glob("*.md")}
    assert names == {*TYPED, *READ, "restore", "by-hand", "product", "tenants", *RECIPES, "transforms"}, (
        "tests/product does what the page on products says, tests/command/test_by_hand.py what that on copies says, and "
        "tests/tenants/test_page.py what that on tenants says"
    )


@pytest.mark.slow(but=["rename", "models", "keep-writes", "rehearse", "tests"])
@pytest.mark.parametrize("name", TYPED)
def test_whoever_does_what_a_page_says_sees_what_it_shows(site, name):
    assert type_page(how_to(name), site.folder) >= 1


def test_the_model_that_the_page_on_models_shows_is_the_one_that_is_written(site):
    shown = how_to("models")
    type_page(shown, site.folder)
    (model,) = [fence.text for fence in shown.fences if fence.language == "python" and "class Ticket" in fence.text]
    written = (site.folder / "shop" / "models.py").read_text().replace("DB_CASCADE", "CASCADE")  # Django 6.1 has it
    classes = [ast.unparse(node) for node in ast.parse(written).body if isinstance(node, ast.ClassDef)]
    assert ast.unparse(ast.parse(model)) in classes


def test_the_first_example_of_the_readme_is_what_its_commands_show(site):
    readme = page("README.md")
    first, _, _ = readme.text.partition("## Try it")
    assert type_page(Page(readme.path, first), site.folder) == 2


@pytest.mark.slow(but=["live file"])
@pytest.mark.parametrize("lost", ["snapshot", "live file"])
def test_what_is_restored_has_its_rows_and_goes_on(site, lost):
    site.done("schemasync", "snapshot", "backup.sqlite3")
    site.change(("max_length=40", "max_length=50"))
    site.done("schemasync", "--export")
    if lost == "live file":
        (site.folder / "db.sqlite3").resolve().unlink()
    (fence,) = [fence for fence in how_to("restore").fences if fence.comment == f"lost: {lost}"]
    for command in commands(fence):
        assert comparable(run(command, site.folder)) == comparable(command.shown)
    assert len(site.rows("SELECT * FROM shop_customer")) == 3
    site.done("schemasync")
    assert site.manage("schemasync", "check").code == 0


RECIPES = {
    "derived-tables": ["split", "normalise", "merge", "json"],
    "recipes": ["year", "nocase", "leave", "drop", "accounts", "deleted"],
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_a_page_is_tried(name):
    comments = {fence.comment for fence in how_to(name).fences}
    assert comments - {""} == {f"{part}: {one}" for part in ("old", "rows", "new", "shows") for one in RECIPES[name]}


@pytest.mark.parametrize("strategy", ["clone", pytest.param("fresh", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "recipe"), [(name, recipe) for name in RECIPES for recipe in RECIPES[name]])
def test_a_recipe_gives_the_rows_that_the_page_shows(tmp_path, name, recipe, strategy):
    parts = {fence.comment: fence.text for fence in how_to(name).fences}
    query, *shown = parts[f"shows: {recipe}"].split("\n-- ")
    wanted = {table.name: ["~any"] for table in document.read(parts[f"new: {recipe}"].encode()).schema.tables}
    data = {
        "name": recipe,
        "old": parts[f"old: {recipe}"],
        "by_hand": parts[f"rows: {recipe}"],
        "new": parts[f"new: {recipe}"],
        "expect": wanted,
        "asks": {query: shown},
    }
    check.run(case(data, "recipes"), strategy, tmp_path)


TRANSFORMS = ["names", "blob", "homes"]


def test_every_recipe_of_the_page_on_transforms_is_tried():
    comments = {fence.comment for fence in how_to("transforms").fences}
    parts = ("old", "rows", "transforms", "new", "shows")
    assert comments == {"", *(f"{part}: {name}" for part in parts for name in TRANSFORMS)}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_recipe_for_transforms_gives_the_rows_that_the_page_shows(tmp_path, name):
    parts = {fence.comment: fence.text for fence in how_to("transforms").fences}
    query, *shown = parts[f"shows: {name}"].split("\n-- ")
    wanted = {table.name: ["~any"] for table in document.read(parts[f"new: {name}"].encode()).schema.tables}
    data = {
        "name": name,
        "old": parts[f"old: {name}"],
        "by_hand": parts[f"rows: {name}"],
        "new": parts[f"new: {name}"],
        "transforms": parts[f"transforms: {name}"],
        "expect": wanted,
        "asks": {query: shown},
    }
    check.run(case(data, "recipes"), "clone", tmp_path)
