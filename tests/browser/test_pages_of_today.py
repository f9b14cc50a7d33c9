"""Django's own pages and the demo's, in a browser: what is reported against a page of ours is not a fault of theirs."""

import pytest

from .axe import accessible
from .chromium import DARK_AND_NARROW, LIGHT, LOOKS


def in_looks(first, *others):
    """Yield each page with every look as parameters; all but one look of a page run only with `--every`."""
    for path in (first, *others):
        often = DARK_AND_NARROW if path == first else LIGHT
        for look in LOOKS:
            yield pytest.param(path, look, id=f"{path}-{look}", marks=[] if look == often else [pytest.mark.slow])


@pytest.mark.slow(but=["/-dark-320-en-US"])
@pytest.mark.parametrize(("path", "look"), list(in_looks("/", "/projects/1/", "/admin/login/")))
def test_a_page_that_anyone_sees_breaks_no_rule_and_is_accessible(page, path):
    page.goto(path)
    assert page.locator("main").is_visible()
    assert accessible(page) == []
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, "nothing sticks out of a narrow screen"


@pytest.mark.slow
@pytest.mark.parametrize(("path", "look"), list(in_looks("/admin/", "/admin/notices/", "/admin/notices/notice/")))
def test_a_page_of_the_admin_breaks_no_rule_and_is_accessible(new_page, demo, look, path):
    page = new_page(demo, look, signed_in=True)
    page.goto(path)
    assert page.locator("#content").is_visible()
    assert accessible(page) == []
