"""Debian's Chromium, driven by Playwright; the browsers of `playwright install` are not used.

The headless shell is Chromium without windows; it needs a third of the processor time of a Chromium that hides its own.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

    from .serving import Site

HEIGHT = 800


@dataclass(frozen=True, slots=True)
class Look:
    """The conditions under which a visitor sees a page. `language` is the browser's preferred one, such as `ar`."""

    scheme: Literal["light", "dark"] = "light"
    width: int = 1280
    javascript: bool = True
    language: str = "en-US"

    def __str__(self) -> str:
        script = "" if self.javascript else "-no_javascript"
        return f"{self.scheme}-{self.width}-{self.language}{script}"


LIGHT = Look()
DARK = Look(scheme="dark")
NARROW = Look(width=320)  # the narrowest phone on sale
DARK_AND_NARROW = Look(scheme="dark", width=320)
ARABIC = Look(language="ar")  # right to left
NO_JAVASCRIPT = Look(javascript=False)
LOOKS = [LIGHT, DARK, NARROW, DARK_AND_NARROW, ARABIC]


def executable() -> str | None:
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def missing() -> str:
    """Return the commands that install what these tests lack; empty if they lack nothing."""
    wanted = []
    if executable() is None:
        wanted.append("apt-get install -y chromium-headless-shell")
    if not (find_spec("playwright") and find_spec("axe_playwright_python")):
        wanted.append("pip install -r requirements-dev.txt")
    return " && ".join(wanted)


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield a Chromium without a sandbox, which root cannot have: it opens only our own pages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


def context_of(browser: Browser, site: Site, look: Look) -> BrowserContext:
    """Return a context without cookies, in which paths are relative to the address of the site."""
    return browser.new_context(
        base_url=site.address,
        color_scheme=look.scheme,
        viewport={"width": look.width, "height": HEIGHT},
        java_script_enabled=look.javascript,
        locale=look.language,
    )


def sign_in(page: Page, user: str) -> None:
    """Sign in through the admin's form; the page is then at the admin index."""
    from .make_user import PASSWORD

    page.goto("/admin/login/?next=/admin/")
    page.fill("#id_username", user)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url("**/admin/")


def wait_for_text(locator: Locator, beginning: str) -> None:
    """Wait until the text begins like that. A click returns before its page has loaded, and the text of the last page
    at the same place would be read."""
    from playwright.sync_api import expect

    expect(locator).to_have_text(re.compile("^" + re.escape(beginning)), timeout=15_000)
