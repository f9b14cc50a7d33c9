"""One browser and one server for the folder. Without them its tests are skipped; SCHEMASYNC_REQUIRE=browser: they fail.

A test takes `page`, which is at no address yet, and goes to a path of the demo; it sees what `look` says, by default a
light and wide screen.
"""

from __future__ import annotations

import pytest

from tests.support.required import is_required

from . import chromium
from .serving import SUPERUSER, Site, made, serving
from .troubles import Troubles

REQUIRED = is_required("browser")
LOG = 10_000  # characters: some tracebacks


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if REQUIRED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"SCHEMASYNC_REQUIRE=browser, and this was skipped: {call.excinfo.value}"
    if report.failed:
        report.sections += [(f"the server of {name}", log) for name, log in _logs(item)]
    return report


def _logs(item):
    """What the servers that the test had wrote, most of which is why a page failed."""
    sites = [(name, site) for name, site in getattr(item, "funcargs", {}).items() if isinstance(site, Site)]
    return [(name, site.log.read_text("utf-8")[-LOG:]) for name, site in sites]


# The scope is the folder, not the session: as long as Playwright runs, its thread has an event loop, and there Django
# refuses to use a database, which tests of other folders do in the same process.
@pytest.fixture(scope="package")
def browser():
    if wanted := chromium.missing():
        pytest.skip(f"NO PAGE IS TESTED, as there is no browser here: {wanted}")
    with chromium.launched() as launched:
        yield launched


@pytest.fixture(scope="package")
def database(browser, tmp_path_factory):
    """The demo's database with its users. It is only copied."""
    return made(tmp_path_factory.mktemp("browser") / "demo")


@pytest.fixture(scope="package")
def demo(database, tmp_path_factory):
    """The demo that all tests look at: none changes its schema or goes back to another generation."""
    with serving(database.copy(tmp_path_factory.mktemp("served") / "demo")) as site:
        yield site


@pytest.fixture
def own_demo(database, tmp_path):
    """A demo with a server for one test, which may do with it what it likes; it takes a second."""
    with serving(database.copy(tmp_path / "demo")) as site:
        yield site


@pytest.fixture
def look():
    return chromium.LIGHT


@pytest.fixture
def troubles():
    """What the browser had to say; a test expects what should come, all else fails it at its end."""
    return Troubles()


@pytest.fixture(scope="package")
def cookies(browser):
    """Those of the superuser at a site, who signs in there once."""
    kept = {}

    def of(site):
        if site.address not in kept:
            context = chromium.context_of(browser, site, chromium.LIGHT)
            chromium.sign_in(context.new_page(), SUPERUSER)
            kept[site.address] = context.cookies()
            context.close()
        return kept[site.address]

    return of


@pytest.fixture
def new_page(browser, troubles, cookies):
    """Makes pages; each is of another visitor, with cookies of its own: `new_page(demo, NARROW)`. With `signed_in` it is
    the superuser, in a session that other tests have, too."""
    contexts = []

    def make(site, look=chromium.LIGHT, *, signed_in=False):
        context = chromium.context_of(browser, site, look)
        if signed_in:
            context.add_cookies(cookies(site))
        troubles.watch(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()  # what the browser still had to say is heard before it is closed
    troubles.check()


@pytest.fixture
def page(new_page, demo, look):
    """A page of a visitor to the demo that all tests look at."""
    return new_page(demo, look)
