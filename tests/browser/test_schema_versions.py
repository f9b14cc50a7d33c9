"""The pages of schemasync in the admin, in a browser, and a complete rollback while another process writes."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from schemasync.engines.sqlite import metrics_file
from schemasync.files.layout import Layout
from schemasync.metrics.totals import MINUTE, Spent, Totals
from tests.support.processes import ROOT

from ..demo.demo import Demo
from .axe import accessible
from .chromium import DARK, DARK_AND_NARROW, LIGHT, LOOKS, NO_JAVASCRIPT, sign_in, wait_for_text
from .serving import SUPERUSER, serving

BASE = "/admin/schemasync/schemaversion/"

WRITER = """
import signal, sqlite3, sys, time
ends = []
signal.signal(signal.SIGTERM, lambda *received: ends.append(received))  # it first prints what it has written
written = 0
while not ends:
    try:
        connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
        connection.execute("INSERT INTO notices_tag (name) VALUES (?)", (f"w{written:06}",))
        connection.close()
        print(f"w{written:06} {time.time()}", flush=True)
        written += 1
    except sqlite3.OperationalError:
        pass
    time.sleep(0.01)
"""


def evolved(database, folder):
    """The demo half a year later, with two generations, and figures for its last forty minutes."""
    demo = database.copy(folder)
    later = Demo(folder, "schema_v2.json")
    later.done("schemasync")
    now = int(time.time()) // MINUTE * MINUTE
    load = {now - ago * MINUTE: Totals(commits=9 + ago, write_seconds=0.1, busy=ago % 3) for ago in range(40)}
    spent = {"SELECT * FROM notices_tag": Spent(61, 1.5, 0.1)}
    assert metrics_file.add(Layout(demo.link).metrics, demo.link, load, spent)
    return demo


@pytest.fixture(scope="package")
def history(database, tmp_path_factory):
    """A demo with two generations, which all tests view."""
    with serving(evolved(database, tmp_path_factory.mktemp("evolved") / "demo")) as site:
        yield site


@pytest.fixture
def own_history(database, tmp_path):
    with serving(evolved(database, tmp_path / "demo")) as site:
        yield site


@pytest.fixture
def visit(new_page, history, look):
    """Open a page as the superuser, at a path below the history."""
    page = new_page(history, look, signed_in=True)

    def go(path):
        page.goto(BASE + path)
        return page

    return go


def looks():
    """Yield each page with every look as parameters. Without `--every` only LIGHT runs, and DARK_AND_NARROW for one
    page."""
    for path in [
        "",
        "2/change/?schema=1",
        "1/rollback/",
        "1/change/",
        "2/sql/",
        "2/rollback/",
        "prune/?keep=1",
        "metrics/?period=hour",
    ]:
        for look in LOOKS:
            # two looks for the page with the most kinds of content
            often = look == LIGHT or (path == "2/change/?schema=1" and look == DARK_AND_NARROW)
            yield pytest.param(path, look, id=f"{path}-{look}", marks=[] if often else [pytest.mark.slow])


@pytest.mark.slow(but=["-light-1280-en-US"])
@pytest.mark.parametrize(("path", "look"), list(looks()))
def test_a_page_breaks_no_rule_and_is_accessible(visit, path):
    page = visit(path)
    page.locator("#content h1").wait_for()
    assert accessible(page) == []
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, "nothing sticks out of a narrow screen"


def test_everything_is_reached_by_the_keyboard_alone(visit):
    page = visit("1/change/")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent.trim()"))
    for word in ("Roll back to it…", "schema.json", "SQL", "Download the database", "Verify the file"):
        assert word in seen, word


@contextmanager
def a_run(site):
    """Start a run that waits for its cutover, and keep it running until the block ends."""
    run = subprocess.Popen(
        site.demo.command("schemasync", "--postpone", "--rebuild-all"),
        env=site.demo.environment,
        cwd=site.demo.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    waiting = site.demo.folder / "db.sqlite3.generations" / "waiting"
    deadline = time.monotonic() + 30
    while not waiting.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    try:
        yield
    finally:
        run.terminate()
        run.wait(20)


@pytest.mark.slow
def test_a_run_is_seen_as_it_goes_on_without_loading_the_page_again(own_demo, new_page):
    page = new_page(own_demo)
    sign_in(page, SUPERUSER)
    page.goto(BASE)
    assert page.locator("#schemasync-run").is_hidden()
    with a_run(own_demo):
        page.locator("#schemasync-run").wait_for(state="visible", timeout=15_000)
        page.get_by_text("manage.py schemasync cutover").wait_for(timeout=15_000)
        assert page.locator("#schemasync-run [data-field=phase]").text_content() == "verification"
    page.locator("#schemasync-run").wait_for(state="hidden", timeout=15_000)


@contextmanager
def behind(database, folder):
    """A demo whose schema.json is half a year newer than its database."""
    demo = database.copy(folder)
    demo.schema = "schema_v2.json"
    with serving(demo) as site:
        yield site


@pytest.mark.slow
def test_a_short_run_is_shown_as_done_without_loading_the_page_again(new_page, database, tmp_path):
    with behind(database, tmp_path / "demo") as site:
        page = new_page(site)
        sign_in(page, SUPERUSER)
        page.goto(BASE)
        assert accessible(page) == []
        page.get_by_role("link", name="Look at the plan, and run it").click()
        assert accessible(page) == []
        page.get_by_role("button", name="Run it").click()
        page.get_by_text("The last run from this page is done:").wait_for(timeout=30_000)
        assert "5,256 rows written" in page.get_by_role("status").text_content()
        page.get_by_text("There is nothing to do: the database is current.").wait_for()
        assert accessible(page) == []
        page.get_by_role("link", name="See what changed").click()
        wait_for_text(page.locator("#content h1"), "Generation 0002-")


@pytest.mark.slow  # tests/admin/test_acting.py covers the server's answers without a script
def test_without_javascript_a_run_that_was_started_is_shown_as_done_too(new_page, database, tmp_path):
    with behind(database, tmp_path / "demo") as site:
        page = new_page(site, NO_JAVASCRIPT)
        sign_in(page, SUPERUSER)
        page.goto(f"{BASE}run/")
        page.get_by_role("button", name="Run it").click()
        page.get_by_text("A run is at work").first.wait_for()
        page.get_by_text("The last run from this page is done:").wait_for(timeout=30_000)


@pytest.mark.slow
def test_without_javascript_the_page_says_so_and_shows_the_run_all_the_same(own_demo, new_page):
    page = new_page(own_demo, NO_JAVASCRIPT)
    sign_in(page, SUPERUSER)
    with a_run(own_demo):
        page.goto(BASE)
        page.locator("#schemasync-run").wait_for()
        page.get_by_text("Reload the page to see the progress").wait_for()


@pytest.mark.slow
def test_that_another_generation_went_live_is_said(own_demo, new_page):
    page = new_page(own_demo)
    sign_in(page, SUPERUSER)
    page.goto(BASE)
    own_demo.demo.done("schemasync", "--rebuild-all")
    page.locator("#schemasync-moved").wait_for(state="visible", timeout=15_000)
    page.get_by_role("link", name="Reload the page").click()
    wait_for_text(page.locator("[data-field=generation]"), "0002-")


def test_the_whole_way_back_and_forth_while_another_process_writes(new_page, own_history):
    """Every acknowledged write is in the file that was live then; the operator stays signed in, and no page fails."""
    page, demo = new_page(own_history), own_history.demo
    sign_in(page, SUPERUSER)
    with writing(demo) as acknowledged:
        page.goto(BASE)
        page.get_by_role("link", name="0001-").click()
        page.get_by_role("link", name="Roll back to it…").click()
        page.get_by_text("notices_tag").first.wait_for()
        page.get_by_text("You stay signed in").wait_for()
        page.get_by_label("To roll back to").fill("wrong")
        page.get_by_role("button", name="Roll back").click()
        page.get_by_role("alert").wait_for()
        assert demo.link.readlink().name.startswith("0002-")
        left = time.time()
        _go_back(page)
        there = time.time()
        wait_for_text(page.locator("[data-field=generation]"), "0001-")
        page.get_by_text("is live again").wait_for()
        time.sleep(0.5)
        page.get_by_role("link", name="0002-").first.click()
        page.get_by_role("link", name="Roll back to it…").click()
        returned = time.time()
        _go_back(page)
        back = time.time()
        time.sleep(0.3)
    assert demo.link.readlink().name.startswith("0002-")
    older, newer = (_tags(demo, number) for number in (1, 2))
    assert {note for note, at in acknowledged if at < left or at > back} <= newer
    assert {note for note, at in acknowledged if there < at < returned} <= older
    assert {note for note, _ in acknowledged} == older | newer
    assert len(acknowledged) > 50
    page.goto("/admin/")
    page.get_by_text("Schema version").first.wait_for()  # it is among the recent actions


def _go_back(page):
    digits = page.locator("form code").first.text_content()
    page.get_by_label("To roll back to").fill(digits[:6])
    page.get_by_role("button", name="Roll back").click()
    page.wait_for_url("**" + BASE)


@contextmanager
def writing(demo):
    acknowledged = []
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(demo.link)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        try:
            yield acknowledged
        finally:
            writer.terminate()
            acknowledged += [(note, float(at)) for note, at in map(str.split, writer.stdout.read().splitlines())]


def _tags(demo, number):
    (path,) = demo.folder.glob(f"db.sqlite3.generations/{number:04}-*.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM notices_tag WHERE name LIKE 'w%'")}


def test_a_page_that_one_may_not_see_is_not_shown(new_page, history, console_errors):
    page = new_page(history, DARK)
    sign_in(page, "nobody")
    assert not page.get_by_text("Schema versions").is_visible()
    console_errors.expect("status of 403")
    assert page.goto(BASE).status == 403
    page.get_by_text("schemasync.view_schemaversion").wait_for()
    assert accessible(page) == []
