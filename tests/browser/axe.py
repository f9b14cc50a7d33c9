"""Accessibility, as axe-core sees it: it comes with axe-playwright-python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRAVE = {"serious", "critical"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule of axe-core, and the element that breaks it, by a selector."""

    rule: str
    selector: str
    says: str = ""


# What Django's own templates and style sheets do wrong, by rule and selector: the rule goes on to hold for every other
# element. Its forms for rows have more of this (dates and times without a label, tooltips on a <span>); no page of ours
# is one. (Django 5.2)
DJANGO_S_OWN = [
    ("link-in-text-block", ".breadcrumbs > a"),
    ("link-in-text-block", "#changelist-search .small > a"),
]

# Where neither <html> nor <body> has a background, axe-core takes the page for white, which under `color-scheme: dark`
# it is not. The same colour, said: nothing looks different.
SAY_THE_BACKGROUND = """() => {
    const root = document.documentElement;
    const painted = [root, document.body].some(one => getComputedStyle(one).backgroundColor !== "rgba(0, 0, 0, 0)");
    if (!painted) root.style.backgroundColor = "Canvas";
}"""


def accessible(page: Page) -> list[Fault]:
    """What is serious or critical in the page as it is now; Django's own faults are left out."""
    return [fault for fault in faults(page) if not _is_django_s_own(page, fault)]


def faults(page: Page) -> list[Fault]:
    """All that is serious or critical in the page as it is now."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state()  # a click ends when the next page begins, which may have no body yet
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
