"""The state after the demo command: a user for the admin, and no page that fails."""

import json
import re
import sqlite3
import textwrap
from contextlib import closing

import pytest

from demo_project.transforms import one_form_of_phones
from tests.support.processes import run

from .demo import Demo

ACCOUNT = "SELECT count(*) FROM auth_user WHERE username = 'demo' AND is_superuser"

# Follow the links of the site and of the admin, as the user that the demo created. Of pages that differ only in a
# number, open `MOST`; of the filters of a list, one value of each.
VISIT_ALL = """
import json, re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit
from django.test import Client
from demo_project.management.commands.demo import PASSWORD, USERNAME

MOST = 2

class Links(HTMLParser):
    def __init__(self, base):
        super().__init__()
        self.base, self.found = base, []
    def handle_starttag(self, tag, attributes):
        address = dict(attributes).get("href") if tag == "a" else None
        if address and not address.startswith(("#", "javascript:")):
            self.found.append(urljoin(self.base, address).partition("#")[0])

def kind(address):
    parts = urlsplit(address)
    names = [name for name, _ in parse_qsl(parts.query)]
    return re.sub("[0-9]+", "N", parts.path), tuple(names)

def is_wanted(address):
    most = 1 if "?" in address else MOST
    return address.startswith("/") and address.count("&") < 1 and kinds[kind(address)] < most

visitor = Client(SERVER_NAME="localhost", raise_request_exception=False)
assert visitor.login(username=USERNAME, password=PASSWORD)
waiting, met, kinds, codes = ["/", "/admin/"], {"/", "/admin/"}, Counter(), {}
while waiting:
    address = waiting.pop(0)
    answer = visitor.get(address)
    codes[address] = answer.status_code
    if answer.streaming or not answer.headers["Content-Type"].startswith("text/html"):
        answer.close()
        continue
    links = Links(address)
    links.feed(answer.content.decode())
    for link in links.found:
        if link not in met and is_wanted(link):
            met.add(link)
            kinds[kind(link)] += 1
            waiting.append(link)
print(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The demo after its command; tests only copy it."""
    demo = Demo(tmp_path_factory.mktemp("finished") / "demo")
    demo.folder.mkdir()
    demo.output = demo.done("demo").out
    return demo


@pytest.fixture
def ended(finished, tmp_path):
    return finished.copy(tmp_path / "demo")


def visited(demo):
    """Return the status of every page, by its address."""
    variables = demo.environment | {"DJANGO_SETTINGS_MODULE": "demo_project.settings"}
    code = "import django\ndjango.setup()\n" + textwrap.dedent(VISIT_ALL)
    done = run(["-c", code], demo.folder, variables)
    assert done.code == 0, done
    return json.loads(done.out.splitlines()[-1])


@pytest.mark.parametrize(
    "back",
    [
        pytest.param((), id="as it ends", marks=pytest.mark.slow),
        pytest.param(("schemasync", "rollback", "0002", "--noinput"), id="forward again"),
    ],
)
def test_no_page_of_the_site_or_of_the_admin_fails(ended, back):
    if back:
        ended.done(*back)
    codes = visited(ended)
    assert {address: code for address, code in codes.items() if code != 200} == {}
    patterns = {re.sub(r"[0-9]+", "N", address) for address in codes}
    admin = "/admin/schemasync/schemaversion/"
    assert patterns >= {
        "/projects/N/", "/?page=N", "/admin/notices/notice/add/", "/admin/notices/notice/N/change/",
        "/admin/auth/user/N/change/", "/admin/erp/person/N/change/", "/admin/erp/timeentry/N/change/", admin,
        f"{admin}N/change/", f"{admin}N/sql/", f"{admin}N/rollback/", f"{admin}N/schema.json", f"{admin}prune/",
    }  # fmt: skip


@pytest.mark.slow
def test_the_account_of_the_admin_is_in_every_generation_and_is_printed(finished):
    assert "sign in as demo, with the password only-for-the-demo" in finished.output
    files = sorted(finished.folder.glob("db.sqlite3.generations/*.sqlite3"))
    assert len(files) == 3
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute(ACCOUNT).fetchone() == (1,), file


@pytest.mark.slow
def test_the_demo_ends_with_an_archive_of_later_rows_and_nothing_to_do(finished):
    assert finished.done("schemasync", "check", "--strict", "--json").json["result"] == "agrees"
    preview = finished.done("schemasync", "rollback", "0002", "--dry-run", "--noinput").out
    assert "notices_notice" in preview
    assert "Invoices" in preview


def test_no_account_with_a_known_password_is_made_where_debug_is_off(tmp_path):
    (tmp_path / "served.py").write_text("from demo_project.settings import *\nDEBUG = False\n")
    demo = Demo(tmp_path)
    refused = demo.manage("demo", "--settings", "served", "--pythonpath", str(tmp_path))
    assert refused.code == 1
    assert "DEBUG = True" in refused.err
    assert not demo.link.exists()


@pytest.mark.slow
def test_the_erp_in_the_admin_is_read_from_its_tables_and_not_written(ended):
    found = ended.done(
        "shell_plus", "--quiet-load", "-c",
        "from demo_project.erp.models import Person, Project, TimeEntry\n"
        "print(Person.objects.count(), Project.objects.filter(department__name='Sales').count() > 0, TimeEntry.objects.count())",
    )  # fmt: skip
    assert found.out == "42 True 5000\n"
    assert ended.done("makemigrations", "--check").code == 0


@pytest.mark.slow
def test_the_transform_wrote_each_phone_in_one_form_and_the_copy_has_other_people(finished):
    query = "SELECT name, phone FROM Contacts WHERE phone IS NOT NULL"
    phones = [phone for _, phone in finished.rows(query)]
    assert phones
    assert all(re.fullmatch(r"\+\d+ \d+ \d+", phone) for phone in phones)
    with closing(sqlite3.connect(finished.folder / "db.masked.sqlite3")) as connection:
        others = connection.execute(query).fetchall()
    assert len(others) == len(phones)
    assert not {name for name, _ in others} & {name for name, _ in finished.rows(query)}


@pytest.mark.parametrize(
    ("phone", "form"),
    [("+1-598-555-0114", "+1 598 5550114"), ("+44 (20) 7946 0018", "+44 20 79460018"), ("+1", "+1"), ("none", "none"), (None, None)],
)  # fmt: skip
def test_the_function_of_the_demo_leaves_what_it_does_not_know(phone, form):
    assert list(one_form_of_phones({"contact_id": 1, "phone": phone})) == [
        ("Contacts", {"contact_id": 1, "phone": form})
    ]
