"""These tests detect faults of a page: otherwise every other test here would prove nothing."""

import pytest

from .axe import accessible, faults
from .chromium import ARABIC, DARK, NARROW, NO_JAVASCRIPT, sign_in
from .console_errors import ConsoleErrors
from .serving import NOBODY

A_SCRIPT = "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"


def test_a_script_in_the_page_is_not_run_and_is_seen(page, console_errors):
    page.goto("/")
    page.evaluate(A_SCRIPT)
    assert page.evaluate("window.ran") is None
    console_errors.expect("violates the following Content Security Policy directive")


def test_a_style_in_the_page_is_seen_without_javascript_too(new_page, demo, console_errors):
    page = new_page(demo, NO_JAVASCRIPT)
    page.route("**/", lambda route: _with(route, '<p style="color: red">'))
    page.goto("/")
    assert page.locator("p[style]").evaluate("it => getComputedStyle(it).color") != "rgb(255, 0, 0)"
    console_errors.expect("violates the following Content Security Policy directive")


def test_an_error_of_a_script_and_a_file_that_is_missing_are_seen(page, console_errors):
    page.goto("/")
    page.evaluate("setTimeout(() => { throw new Error('of a script') })")
    page.evaluate("fetch('/static/missing.css')")
    console_errors.expect("of a script")
    console_errors.expect("/static/missing.css")


@pytest.mark.parametrize(
    ("seen", "expected"), [(["a: one"], []), ([], ["one"]), (["a: one", "a: two"], ["one"])], ids=str
)
def test_what_was_not_expected_fails_a_test_and_so_does_what_did_not_come(seen, expected):
    console_errors = ConsoleErrors()
    console_errors.seen += seen
    for text in expected:
        console_errors.expect(text)
    with pytest.raises(AssertionError):
        console_errors.check()


@pytest.mark.parametrize("look", [DARK], ids=str)
@pytest.mark.parametrize(
    ("html", "rule"),
    [
        ('<img src="/favicon.ico">', "image-alt"),
        ('<p style="color: #555">dark on dark</p>', "color-contrast"),
        ("<form><input></form>", "label"),
    ],
)
def test_what_is_not_accessible_is_seen(page, html, rule):
    page.set_content(f'<html lang="en"><meta name="color-scheme" content="dark"><title>x</title><main>{html}</main>')
    assert [fault.rule for fault in faults(page)] == [rule]


def test_only_django_s_own_links_are_left_out(page):
    crumbs = '<div class="breadcrumbs">where you are is <a href="/">here</a></div><p>we are not <a href="/">there</a>'
    page.set_content(f'<html lang="en"><style>a {{color: #003; text-decoration: none}}</style><title>x</title>{crumbs}')
    assert [fault.rule for fault in faults(page)] == ["link-in-text-block"] * 2
    assert [fault.selector for fault in accessible(page)] == ["p > a"]


def test_a_page_is_seen_as_the_look_says(new_page, demo):
    assert new_page(demo, DARK).evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert new_page(demo, NARROW).evaluate("innerWidth") == 320
    arabic = new_page(demo, ARABIC)
    arabic.goto("/admin/login/")
    assert arabic.evaluate("getComputedStyle(document.body).direction") == "rtl"


def test_users_have_the_permissions_that_they_were_given_and_no_others(new_page, demo):
    for user, shown in ((NOBODY, 0), (demo.add_user("editor", "notices.view_notice"), 1)):
        page = new_page(demo)
        sign_in(page, user)
        assert page.locator(".model-notice").count() == shown
        assert page.locator(".model-tag").count() == 0


def test_one_test_s_demo_is_not_that_of_the_others(own_demo, demo):
    own_demo.add_user("alone")
    alone = "SELECT count(*) FROM auth_user WHERE username = 'alone'"
    assert [one.demo.rows(alone) for one in (own_demo, demo)] == [[(1,)], [(0,)]]


def _with(route, html):
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("<main>", f"<main>{html}"))
