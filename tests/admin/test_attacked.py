"""Faults that attacks on the admin found; each test keeps one fixed."""

import json
import sqlite3
import time
from contextlib import closing

import pytest

from schemasync.engines.sqlite.verify.row_samples import _is_shown
from schemasync.files.lock import is_held, run_lock
from tests.crash.processes import Child
from tests.support.site import Site

OTHER = """
DATABASES["other"] = {**DATABASES["default"], "NAME": BASE_DIR / "other.sqlite3"}
DATABASE_ROUTERS = ["router.Router"]
"""
ROUTER = """
class Router:
    def allow_migrate(self, db, app_label, **hints):
        return db == "default"
"""


def test_links_of_a_second_database_lead_into_the_second_database(operated, visit):
    operated.settings(flag=True, more=OTHER)
    (operated.folder / "router.py").write_text(ROUTER)
    schema = operated.folder / "schema.other.json"
    for column in ("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY CHECK (id > 0)"):
        schema.write_text(json.dumps({"t": {"id": column}}))
        operated.done("schemasync", "--database", "other")
    found = visit(
        """
        import re
        c = visitor("root")
        page = body(c.get(BASE + "?db=other"))
        links = re.findall('href="([^"]*)"', page.partition('id="changelist"')[2])
        one = body(c.get(BASE + "2/change/?db=other"))
        shown = body(c.get(BASE + "1/rollback/?db=other"))
        answer = c.post(BASE + "1/rollback/?db=other", {"live": re.search("0002-[0-9a-f]{12}", one)[0], "version": re.search('<code>([0-9a-f]{6})', shown)[1]})
        print(json.dumps([links, one, answer.headers.get("Location"), page, shown]))
        """
    )
    links, one, place, page, shown = found
    assert [
        link for link in links if "db=other" not in link and not link.startswith(("#", "/static", "/admin/logout"))
    ] == []
    assert 'name="db" value="other"' in page, "the search stays there"
    assert "CHECK (id &gt; 0)" in one
    assert "/admin/schemasync/schemaversion/1/rollback/" not in one or "rollback/?db=other" in one
    assert "manage.py schemasync rollback --database other 0002-" in shown
    assert place.endswith("?db=other")
    assert (operated.folder / "other.sqlite3").readlink().name.startswith("0001-")
    assert operated.link.readlink().name.startswith("0002-")


def test_accounts_that_cannot_be_compared_are_not_said_to_be_the_same(operated, visit):
    operated.run_sql(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 200200) INSERT INTO auth_user"
        " (id, password, is_superuser, username, last_name, email, is_staff, is_active, date_joined, first_name)"
        " SELECT i, 'x', 0, 'u' || i, '', '', 0, 1, '2020-01-01', '' FROM n"
    )
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '1/rollback/'))))")
    assert "there are too many to compare" in text
    assert "Both files have the same accounts" not in text
    assert "You stay signed in" in text


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("authtoken_token", "key", "9944b091"), ("otp_totp_totpdevice", "key", "ab12"), ("oauth2_grant", "code", "x"),
        ("social_auth_usersocialauth", "extra_data", "{}"), ("mfa_authenticator", "data", "x"), ("t", "private_key", "x"),
        ("t", "pwd", "x"), ("t", "pin", 1234), ("t", "body", "whatever"), ("django_session", "name", "x"),
    ],
)  # fmt: skip
def test_secrets_are_not_among_the_examples(table, column, value):
    assert not _is_shown(table, column, value)


@pytest.mark.parametrize(("column", "value"), [("id", 1), ("title", "x"), ("posted_at", "2020"), ("hours", 1.5)])
def test_what_helps_to_recognise_a_row_is(column, value):
    assert _is_shown("notices_notice", column, value)


def test_archives_that_were_not_shown_do_not_go_although_they_came_meanwhile(tmp_path):
    from schemasync.errors import Refused
    from schemasync.sync.prune import prune
    from tests.crash.scenarios import _long_story

    database = _long_story(tmp_path / "w")
    with pytest.raises(Refused, match="others would be removed than were shown"):
        prune(database.target(), 1, None, dry_run=False, expected=["0001-aaaaaaaaaaaa"])
    assert len(database.files()) == 4


LOSE = """
import threading
from schemasync.files.lock import run_lock
from schemasync.files.layout import Layout
from schemasync.sync import rollback
from schemasync.sync.run.target import target
from pathlib import Path
from django.db import connections
c = visitor("root")
now = live()
from schemasync.models import SchemaVersion
version = SchemaVersion.objects.get(pk=1).version.partition(":")[2][:6]
told = {}
# the other operator is a process that swaps while this one waits for the lock
import schemasync.admin.rollback_page as page
real = page.rollback.rollback
def slow(*words):
    import subprocess, sys
    subprocess.run([sys.executable, "manage.py", "schemasync", "rollback", "--noinput"], check=True, capture_output=True)
    return real(*words)
page.rollback.rollback = slow
answer = c.post(BASE + "1/rollback/", {"version": version, "live": now.generation})
page.rollback.rollback = real
after = c.get(answer.headers["Location"])
print(json.dumps([answer.status_code, after.status_code, body(after), c.get(BASE).status_code]))
"""


@pytest.mark.slow(but=["SESSION_SAVE_EVERY_REQUEST = True"])
@pytest.mark.parametrize("more", ["", "SESSION_SAVE_EVERY_REQUEST = True"])
def test_who_was_too_late_sees_why_and_stays_signed_in(operated, visit, more):
    operated.settings(flag=True, more=more)
    code, after, text, later = visit(LOSE)
    assert (code, after, later) == (302, 200, 200)
    assert "Another operator was faster: 0001-" in text


PERSON = """
from django.contrib.auth.models import User
class Person(User):
    nick = models.CharField(max_length=10)
"""


def test_a_user_model_that_inherits_is_found_in_its_parent_s_table(tmp_path):
    from tests.support.site import MODELS

    site = Site(tmp_path / "site", MODELS + PERSON, more='AUTH_USER_MODEL = "auth.User"')
    site.done("schemasync", "--export")
    found = site.python(
        "from schemasync.admin import accounts\n"
        "from django.contrib.auth import models\n"
        "from shop.models import Person\n"
        "accounts.get_user_model = lambda: Person\n"
        "person = Person.objects.create_user('ann', nick='a')\n"
        "from django.db import connection\n"
        "from pathlib import Path\n"
        "one = accounts._one(Path(connection.settings_dict['NAME']).resolve(), person.pk)\n"
        "print(one.name, one.is_active)"
    )
    assert found == "ann True"


def test_a_table_without_the_column_is_no_account(tmp_path):
    from schemasync.engines.sqlite.accounts import AccountTable, account, accounts

    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO u VALUES (1)")
        assert accounts(connection, AccountTable("u", "id", "username", "password")) is None
        assert account(connection, AccountTable("u", "id", "username"), 1) is None


def test_a_run_that_dies_without_output_is_reported(operated, visit):
    operated.settings(flag=True, more='SCHEMASYNC["RUN_FROM_ADMIN"] = True')
    folder = operated.folder / "db.sqlite3.generations"
    (folder / "run.json").write_text("")
    (folder / "run.log").write_text("Traceback ...\nImportError: No module named shop\n")
    text = visit("print(json.dumps(body(visitor('root').get(BASE + 'run/'))))")
    assert "ImportError: No module named shop" in text


def test_settings_that_are_in_no_module_are_said_to_be_so(operated, visit):
    operated.settings(flag=True, more='SCHEMASYNC["RUN_FROM_ADMIN"] = True')
    schema = operated.schema.read_text()
    operated.schema.write_text(
        schema.replace('"shop_customer": {', '"extra": {"id": "INTEGER PRIMARY KEY"},\n  "shop_customer": {')
    )
    text = visit(
        """
        import re
        from schemasync.admin import background_run
        c = visitor("root")
        version = re.search('name="version" value="([^"]*)"', body(c.get(BASE + "run/")))[1]
        background_run.settings = type("Settings", (), {"SETTINGS_MODULE": None})
        print(json.dumps(body(c.post(BASE + "run/", {"version": version}))))
        """
    )
    assert "the settings of this site are in no module" in text
    assert operated.link.readlink().name.startswith("0002-")


def test_a_second_press_starts_nothing(operated, visit):
    operated.settings(flag=True, more='SCHEMASYNC["RUN_FROM_ADMIN"] = True')
    found = visit(
        """
        from schemasync.admin.background_run import start, outcome, _file
        from schemasync.admin.selected_database import SelectedDatabase
        from schemasync.files.lock import try_lock
        place = SelectedDatabase("default")
        _file(place).touch()
        with _file(place).open("ab") as other:
            assert try_lock(other)
            print(json.dumps([start(place, "ann"), outcome(place)]))
        """
    )
    assert found == [False, None]


def test_a_monitor_passes_where_everybody_must_sign_in(operated, visit):
    more = (
        'SCHEMASYNC["STATUS_TOKEN"] = "0123456789abcdef"\n'
        'MIDDLEWARE.append("django.contrib.auth.middleware.LoginRequiredMiddleware")'
    )
    operated.settings(flag=True, more=more)
    code = """print(visitor(None).get(BASE + "status.json", headers={"Authorization": "Bearer 0123456789abcdef"}).status_code)"""
    assert visit(code) == 200


def test_looking_who_holds_the_lock_makes_no_run_fail(tmp_path):
    lock = tmp_path / "lock"
    with run_lock(lock, 0):
        pass

    def look():
        end = time.monotonic() + 20
        while time.monotonic() < end:
            is_held(lock)

    looking = Child(look)
    try:
        for _ in range(300):
            with run_lock(lock, 0):
                pass
    finally:
        looking.kill()
        looking.ended()


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE _schema_versions SET plan = 'not json' WHERE id = 2",
        "UPDATE _schema_versions SET applied_at = '2026-01-01T00:00:00' WHERE id = 1",
        "UPDATE _schema_versions SET applied_at = 'once', previous = '../../x' WHERE id = 2",
    ],
)
def test_a_damaged_row_does_not_hide_the_history(operated, visit, script):
    operated.run_sql(script)
    codes = visit(
        "c = visitor('root'); print(json.dumps([c.get(BASE + p).status_code for p in ('', '1/rollback/', '1/change/')]))"
    )
    assert codes[0] == 200


def test_a_link_in_the_folder_is_not_followed(operated, visit):
    secret = operated.folder / "secret.sqlite3"
    with closing(sqlite3.connect(secret)) as connection:
        connection.execute("CREATE TABLE t (x)")
    (older,) = operated.folder.glob("db.sqlite3.generations/0001-*.sqlite3")
    older.unlink()
    older.symlink_to(secret)
    codes = visit(
        "c = visitor('root'); print(json.dumps([c.get(BASE + '1/database/').status_code, c.post(BASE + '1/verify/').status_code]))"
    )
    assert codes == [404, 404]


@pytest.mark.slow
def test_two_thousand_tables_are_not_all_shown_line_by_line(operated, visit):
    schema = operated.schema.read_text()
    tables = "".join(f'"t{n}": {{"id": "INTEGER PRIMARY KEY"}},\n  ' for n in range(300))
    operated.schema.write_text(schema.replace('"shop_customer": {', tables + '"shop_customer": {'))
    operated.done("schemasync")
    few, many = visit(
        "c = visitor('root'); print(json.dumps([body(c.get(BASE + p)) for p in ('3/change/', '3/change/?all=1')]))"
    )
    assert few.count('<h3 class="schemasync-pair') == 40
    assert "These differ, too:" in few
    assert many.count('<h3 class="schemasync-pair') == 300
