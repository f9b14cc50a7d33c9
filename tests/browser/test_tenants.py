"""The page of all tenants, with two thousand of them."""

import re
import time

import pytest

from .axe import accessible
from .chromium import DARK_AND_NARROW, LIGHT
from .serving import serving
from .tenants import MANY, fleet

PATH = "/admin/schemasync_tenants/tenant/"
PATIENCE = 5.0  # seconds for a page, on a busy machine


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    with serving(fleet(tmp_path_factory.mktemp("tenants") / "fleet")) as served:
        yield served


def seen(page, path):
    """Open a path within the time limit, and return the text of the paginator."""
    began = time.monotonic()
    page.goto(path)
    assert time.monotonic() - began < PATIENCE
    return page.locator(".paginator").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("look", [LIGHT, DARK_AND_NARROW], ids=str)
def test_two_thousand_tenants_are_shown_in_pages_searched_and_filtered(new_page, site, look):
    from playwright.sync_api import expect

    page = new_page(site, look, signed_in=True)
    assert f"{MANY} " in seen(page, PATH)
    assert page.locator("#result_list tbody tr").count() == 100
    assert accessible(page) == []
    assert re.search(r"[0-9a-f]{13}", page.locator("#changelist").inner_text()) is None, "versions are short"
    seen(page, f"{PATH}?p=20")
    assert page.locator("#result_list tbody tr").count() == 100
    assert "40 " in seen(page, f"{PATH}?state__exact=suspended")
    assert "40 " in seen(page, f"{PATH}?failure__isempty=0")
    seen(page, PATH)
    page.fill("#searchbar", "Acme")
    page.press("#searchbar", "Enter")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


@pytest.mark.slow
def test_a_tenant_is_suspended_from_the_list(new_page, site):
    page = new_page(site, signed_in=True)
    page.goto(f"{PATH}?q=acme")
    page.check("#result_list tbody input[type=checkbox]")
    page.select_option("select[name=action]", "suspend")
    page.click("button[name=index]")
    page.wait_for_selector(".messagelist")
    assert page.locator(".messagelist").inner_text() == "Acme: done."  # Django capitalises the message
    assert "suspended" in page.locator("#result_list tbody tr").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("look", [LIGHT, DARK_AND_NARROW], ids=str)
def test_the_state_of_all_is_on_one_page_with_links_to_those_it_counts(new_page, site, look):
    from playwright.sync_api import expect

    ended = site.demo.manage("schemasync", "tenants", "health")
    assert (ended.code, "1,999 unusable" in ended.out) == (1, True), ended
    page = new_page(site, look, signed_in=True)
    page.goto(PATH)
    page.click("text=State of the tenants")
    assert accessible(page) == []
    shown = page.locator("#content-main").inner_text()
    assert f"cannot be used: {MANY - 1}" in shown  # rows without a file
    assert f"and {MANY - 21} more" in shown
    page.click("text=cannot be used")
    expect(page.locator("#result_list tbody tr")).to_have_count(100)
