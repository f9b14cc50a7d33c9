"""One browser and one server for the folder. Without them its tests are skipped; with SCHEMASYNC_REQUIRE=browser they
fail.

A test takes `page`, which has no address yet, and opens a path of the demo; `look` sets the conditions, by default a
light and wide screen.
"""

from __future__ import annotations

import pytest

from tests.support.required import is_required

from . import chromium
from .console_errors import ConsoleErrors
from .serving import SUPERUSER, Site, made, serving

REQUIRED = is_required("browser")
LOG = 10_000  # characters: enough for several tracebacks


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
    """Return the end of the logs of the test's servers, which usually tell why a page failed."""
    sites = [(name, site) for name, site in getattr(item, "funcargs", {}).items() if isinstance(site, Site)]
    return [(name, site.log.read_text("utf-8")[-LOG:]) for name, site in sites]


# The scope is the package, not the session: while Playwright runs, its thread has an event loop, in which Django
# refuses to use a database, and tests of other folders in the same process need one.
@pytest.fixture(scope="package")
def browser():
    if wanted := chromium.missing():
        pytest.skip(f"NO PAGE IS TESTED, as there is no browser here: {wanted}")
    with chromium.launched() as launched:
        yield launched


@pytest.fixture(scope="package")
def database(browser, tmp_path_factory):
    """The demo's database with its users; tests only copy it."""
    return made(tmp_path_factory.mktemp("browser") / "demo")


@pytest.fixture(scope="package")
def demo(database, tmp_path_factory):
    """The demo that all tests view: none changes its schema or rolls it back."""
    with serving(database.copy(tmp_path_factory.mktemp("served") / "demo")) as site:
        yield site


@pytest.fixture
def own_demo(database, tmp_path):
    """A demo with a server for one test, which may change it freely; it takes a second to start."""
    with serving(database.copy(tmp_path / "demo")) as site:
        yield site


@pytest.fixture
def look():
    return chromium.LIGHT


@pytest.fixture
def console_errors():
    """The errors on the browser's console. A test expects some by expect(); any other one fails it at the end."""
    return ConsoleErrors()


@pytest.fixture(scope="package")
def cookies(browser):
    """Return a function that returns the superuser's cookies at a site, signing in once for each site."""
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
def new_page(browser, console_errors, cookies):
    """Yield a function that opens pages, such as `new_page(demo, NARROW)`, each for another visitor with separate
    cookies. With `signed_in` the visitor is the superuser, in a session that other tests share."""
    contexts = []

    def make(site, look=chromium.LIGHT, *, signed_in=False):
        context = chromium.context_of(browser, site, look)
        if signed_in:
            context.add_cookies(cookies(site))
        console_errors.watch(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()  # closing delivers the remaining console messages
    console_errors.check()


@pytest.fixture
def page(new_page, demo, look):
    """A page of a visitor to the demo that all tests view."""
    return new_page(demo, look)
