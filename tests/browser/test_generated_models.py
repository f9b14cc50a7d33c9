"""The admin of generated models: those that `schemasync models` writes for the demo's ERP."""

import socket
import subprocess
import sys
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.project.erp import erp
from tests.support.processes import environment

from . import chromium
from .axe import accessible
from .make_user import PASSWORD

PATIENCE = 30.0


@pytest.fixture(scope="module")
def served(browser, tmp_path_factory):
    """The site at an address, on Django's own server, which also serves the files of the admin."""
    site = erp(tmp_path_factory.mktemp("generated") / "site")
    site.python(
        f"from django.contrib.auth.models import User\nUser.objects.create_superuser('root', '', {PASSWORD!r})\n"
    )
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "manage.py", "runserver", "--noreload", str(port)]
    server = subprocess.Popen(
        command, cwd=site.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, server)
        yield SimpleNamespace(address=f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


def _wait_for(port, server):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return


def save(page):
    """Press the button. `click` does not wait for the next page, so callers wait for its content."""
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.slow
def test_somebody_lists_filters_searches_and_edits_rows_of_tables_that_only_schema_json_describes(new_page, served):
    page = new_page(served)
    chromium.sign_in(page, "root")
    page.goto("/admin/shop/user/")
    assert page.locator("#result_list tbody tr").count() == 2
    assert accessible(page) == []
    page.locator("#changelist-filter").get_by_role("link", name="Left", exact=True).click()
    page.wait_for_url("**status__exact=left*")
    assert "bob@x.yz" in page.locator("#result_list tbody").inner_text()
    assert page.locator("#result_list tbody tr").count() == 1
    page.goto("/admin/shop/user/?q=sales")
    page.locator("#result_list").get_by_role("link", name="Ann").click()
    assert page.locator("#id_role option:checked").inner_text() == "Manager"
    page.select_option("#id_role", label="Contractor")
    page.select_option("#id_department", label="Lab")
    save(page)
    page.locator(".messagelist .success").wait_for()  # opening another page would cancel the save
    page.goto("/admin/shop/user/?role__exact=contractor")
    assert "Lab" in page.locator("#result_list tbody tr").inner_text()


@pytest.mark.slow
def test_somebody_adds_a_row_with_the_defaults_of_the_schema_and_a_person_found_by_name(new_page, served):
    page = new_page(served)
    chromium.sign_in(page, "root")
    page.goto("/admin/shop/project/add/")
    assert page.locator("#id_status option:checked").inner_text() == "Planned"
    page.fill("#id_title", "Valve")
    page.select_option("#id_department", label="Sales")
    page.locator(".select2-selection").click()
    # Before the search is answered, the list shows everybody, and is then rebuilt under the pointer.
    with page.expect_response("**/autocomplete/*term=bo*"):
        page.locator(".select2-search__field").fill("bo")
    page.locator(".select2-results__options:not(:has-text('Ann'))").wait_for()
    page.locator(".select2-results__option", has_text="Bob").click()
    page.locator(".select2-selection__rendered", has_text="Bob").wait_for()
    page.fill("#id_budget", "-1")
    page.fill("#id_start_date", "2024-03-01")
    save(page)
    page.locator(".errorlist").first.wait_for()
    assert page.locator(".errorlist").count() == 1, "CHECK (budget > 0) is a rule of the form, too"
    page.fill("#id_budget", "12.5")
    save(page)
    assert "Valve" in page.locator("#result_list").inner_text()
