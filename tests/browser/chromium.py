"""Debian's Chromium, driven by Playwright, which drives no browser of its own here: `playwright install` is not run.

The headless shell is Chromium without windows; it takes a third of the processor time of a Chromium that hides its own.
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
    """How a visitor looks at a page. `language` is what the browser asks for, as in `ar`."""

    scheme: Literal["light", "dark"] = "light"
    width: int = 1280
    javascript: bool = True
    language: str = "en-US"

    def __str__(self) -> str:
        script = "" if self.javascript else "-no_javascript"
        return f"{self.scheme}-{self.width}-{self.language}{script}"


LIGHT = Look()
DARK = Look(scheme="dark")
NARROW = Look(width=320)  # the narrowest phone that is still sold
DARK_AND_NARROW = Look(scheme="dark", width=320)
ARABIC = Look(language="ar")  # from right to left
NO_JAVASCRIPT = Look(javascript=False)
LOOKS = [LIGHT, DARK, NARROW, DARK_AND_NARROW, ARABIC]


def executable() -> str | None:
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def missing() -> str:
    """What there is to install before pages can be tested; empty if all is there."""
    wanted = []
    if executable() is None:
        wanted.append("apt-get install -y chromium-headless-shell")
    if not (find_spec("playwright") and find_spec("axe_playwright_python")):
        wanted.append("pip install -r requirements-dev.txt")
    return " && ".join(wanted)


@contextmanager
def launched() -> Iterator[Browser]:
    """Without a sandbox, which root cannot have: only pages of ours are opened."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


def context_of(browser: Browser, site: Site, look: Look) -> BrowserContext:
    """A visitor without cookies, to whom addresses of the site are paths."""
    return browser.new_context(
        base_url=site.address,
        color_scheme=look.scheme,
        viewport={"width": look.width, "height": HEIGHT},
        java_script_enabled=look.javascript,
        locale=look.language,
    )


def sign_in(page: Page, user: str) -> None:
    """By the admin's form; the page is at its index then."""
    from .people import PASSWORD

    page.goto("/admin/login/?next=/admin/")
    page.fill("#id_username", user)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url("**/admin/")


def wait_for_text(locator: Locator, beginning: str) -> None:
    """Until the text begins like that: a click ends before the page that it leads to has loaded, and what the last page
    shows in the same place would be read."""
    from playwright.sync_api import expect

    expect(locator).to_have_text(re.compile("^" + re.escape(beginning)), timeout=15_000)
