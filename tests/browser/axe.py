"""Accessibility faults that axe-core finds; axe-playwright-python ships it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRAVE = {"serious", "critical"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule of axe-core, and the selector of an element that breaks it."""

    rule: str
    selector: str
    says: str = ""


# Faults of Django's own templates and style sheets, by rule and selector: the rule still holds for every other
# element. Django's forms for rows have more of these (dates and times without a label, tooltips on a <span>); none of
# our pages is such a form. (Django 5.2)
DJANGO_S_OWN = [
    ("link-in-text-block", ".breadcrumbs > a"),
    ("link-in-text-block", "#changelist-search .small > a"),
]

# If neither <html> nor <body> has a background, axe-core assumes white, which is wrong under `color-scheme: dark`.
# This declares the colour that is shown anyway: nothing looks different.
SAY_THE_BACKGROUND = """() => {
    const root = document.documentElement;
    const painted = [root, document.body].some(one => getComputedStyle(one).backgroundColor !== "rgba(0, 0, 0, 0)");
    if (!painted) root.style.backgroundColor = "Canvas";
}"""


def accessible(page: Page) -> list[Fault]:
    """Return the serious and critical faults of the page in its present state, without Django's own."""
    return [fault for fault in faults(page) if not _is_django_s_own(page, fault)]


def faults(page: Page) -> list[Fault]:
    """Return the serious and critical faults of the page in its present state."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state()  # a click returns when the next page begins, which may have no body yet
    page.evaluate(SAY_THE_BACKGROUND)
    found = Axe().run(page).response["violations"]
    return [
        Fault(violation["id"], node["target"][-1], f"{violation['help']}: {node['html']}")
        for violation in found
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def _is_django_s_own(page: Page, fault: Fault) -> bool:
    return any(
        fault.rule == rule and page.locator(fault.selector).evaluate("(it, of) => it.matches(of)", of)
        for rule, of in DJANGO_S_OWN
    )
