"""A pending sync that is run from the page, and what happens to old files."""

import re
import sqlite3
import time
from contextlib import closing

import pytest


def pending(site):
    site.settings(flag=True, more='SCHEMASYNC["RUN_FROM_ADMIN"] = True')
    schema = site.schema.read_text()
    site.schema.write_text(
        schema.replace('"shop_customer": {', '"extra": {"id": "INTEGER PRIMARY KEY"},\n  "shop_customer": {')
    )


RUN = """
c = visitor("root")
page = body(c.get(BASE + "run/"))
import re
version = re.search('name="version" value="([^"]*)"', page)
answer = c.post(BASE + "run/", {"version": version[1] if version else ""})
print(json.dumps([page, answer.status_code, body(answer)]))
"""


def test_it_is_off_by_default(operated, visit):
    assert visit("print(visitor('root').get(BASE + 'run/').status_code)") == 403


def test_the_plan_first_then_a_run_of_its_own(operated, visit):
    pending(operated)
    page, code, _ = visit(RUN)
    assert "extra: new table" in page
    assert code == 302
    deadline = time.monotonic() + 30
    while not operated.rows("SELECT 1 FROM sqlite_schema WHERE name = 'extra'"):
        assert time.monotonic() < deadline, (operated.folder / "db.sqlite3.generations" / "run.json").read_text()
        time.sleep(0.2)
    assert operated.rows("SELECT actor FROM _schema_versions ORDER BY id DESC LIMIT 1") == [("root (admin)",)]


def test_the_page_shows_the_run_and_then_its_result(operated, visit):
    pending(operated)
    during, after, overview = visit(
        """
        import re, time
        c = visitor("root")
        version = re.search('name="version" value="([^"]*)"', body(c.get(BASE + "run/")))[1]
        started = c.post(BASE + "run/", {"version": version})
        assert started.headers["Location"] == BASE + "run/"
        during, overview = body(c.get(BASE + "run/")), body(c.get(BASE))
        while c.get(BASE + "run/?state=1").json()["at_work"]:
            time.sleep(0.1)
        print(json.dumps([during, body(c.get(BASE + "run/")), overview]))
        """
    )
    assert "This page shows the result as soon as the run has ended." in during
    assert "Run it" not in during
    assert "Wait until the run has ended." in overview
    assert "The last run from this page is done:" in after
    assert "0003-" in after
    assert "There is nothing to do: the database is current." in after


@pytest.mark.slow
def test_a_run_that_is_refused_is_shown_as_such(operated, visit):
    pending(operated)
    generation = operated.link.readlink().name
    text = visit(
        """
        import re, time
        c = visitor("root")
        version = re.search('name="version" value="([^"]*)"', body(c.get(BASE + "run/")))[1]
        with open("schema.json", "a") as file:
            assert c.post(BASE + "run/", {"version": version}).status_code == 302
            file.write("}")
        while c.get(BASE + "run/?state=1").json()["at_work"]:
            time.sleep(0.1)
        print(json.dumps(body(c.get(BASE + "run/"))))
        """
    )
    assert "The last run from this page was refused, or failed" in text
    assert operated.link.readlink().name == generation


def test_what_stops_a_run_is_shown_and_there_is_no_button(operated, visit):
    pending(operated)
    schema = operated.schema.read_text()
    operated.schema.write_text(
        schema.replace('"label": "varchar(50) NOT NULL"', '"label": "varchar(50) NOT NULL UNIQUE"')
    )
    operated.run_sql("INSERT INTO shop_tag (label, weight) VALUES ('red', 1)")
    page, code, _ = visit(RUN)
    assert "Stops:" in page
    assert "Run it" not in page
    assert code == 200, "and pressing it all the same does nothing"
    assert operated.link.readlink().name.startswith("0002-")


@pytest.mark.slow
def test_a_requirement_that_is_not_met_is_shown_and_there_is_no_button(operated, visit):
    pending(operated)
    required = 'SCHEMASYNC |= {"RUN_FROM_ADMIN": True, "REQUIRE": {"DISK_LEFT": 10**18}}'
    operated.settings(flag=True, more=required)
    page, code, _ = visit(RUN)
    assert "REQUIRE demands 1,000,000,000,000,000,000" in page
    assert "Run it" not in page
    assert code == 200
    assert operated.link.readlink().name.startswith("0002-")


def test_a_plan_of_yesterday_is_not_run(operated, visit):
    pending(operated)
    text = visit("print(json.dumps(body(visitor('root').post(BASE + 'run/', {'version': '1:0000'}))))")
    assert "schema.json changed in the meantime" in text


@pytest.mark.parametrize("keep", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_archives_go_as_shown(operated, visit, keep):
    for number in (60, 70):
        operated.change((f"max_length={number - 10 if number > 60 else 100}", f"max_length={number}"))
        operated.done("schemasync", "--export")
    for path in operated.folder.glob("db.sqlite3.generations/*.sqlite3"):  # a file that was live a moment ago is kept
        if path.name != operated.link.readlink().name:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("UPDATE _schemasync_fence SET at = '2020-01-01T00:00:00.000Z'")
    page, code = visit(
        f"""
        import re
        c = visitor("root")
        page = body(c.get(BASE + "prune/?keep={keep}"))
        gone = re.findall('name="gone" value="([^"]*)"', page)
        print(json.dumps([page, c.post(BASE + "prune/", {{"keep": "{keep}", "gone": gone}}).status_code]))
        """
    )
    assert f"{3 - keep} archive" in page
    assert code == 302
    assert len(list(operated.folder.glob("db.sqlite3.generations/*.sqlite3"))) == keep + 1


def test_an_archive_that_was_live_a_moment_ago_is_listed_among_those_that_stay(operated, visit):
    operated.change(("max_length=100", "max_length=90"))
    operated.done("schemasync", "--export")
    (older,) = operated.folder.glob("db.sqlite3.generations/0001-*.sqlite3")
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("UPDATE _schemasync_fence SET at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")
    text = visit("print(json.dumps(body(visitor('root').get(BASE + 'prune/?keep=1'))))")
    assert "Nothing would be removed." in text
    young, kept = re.findall(r"<li>(000\d)-[^<]*</li>", text.partition("These stay")[2])
    assert (young, kept) == ("0001", "0002")
    assert "live until a moment ago" in text


def test_what_was_not_shown_does_not_go(operated, visit):
    text = visit(
        "print(json.dumps(body(visitor('root').post(BASE + 'prune/', {'keep': '1', 'gone': ['0001-aaaaaaaaaaaa']}))))"
    )
    assert "The archives have changed" in text
    assert len(list(operated.folder.glob("db.sqlite3.generations/*.sqlite3"))) == 2


def test_a_file_is_verified_on_demand(operated, visit):
    verify = (
        "c = visitor('root'); a = c.post(BASE + '1/verify/'); print(json.dumps(body(c.get(a.headers['Location']))))"
    )
    assert "is whole: every page" in visit(verify)
    (older,) = operated.folder.glob("db.sqlite3.generations/0001-*.sqlite3")
    data = bytearray(older.read_bytes())
    data[4096 * 5 : 4096 * 5 + 200] = b"\xff" * 200
    older.write_bytes(data)
    assert "is damaged" in visit(verify)
    assert visit("print(visitor('root').get(BASE + '1/verify/').status_code)") == 405


def test_a_whole_database_is_downloaded_with_what_is_in_its_log(operated, visit):
    found = visit(
        """
        import sqlite3, tempfile
        answer = visitor("root").get(BASE + "2/database/")
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(answer.streaming_content)); file.flush()
            rows = sqlite3.connect(file.name).execute("SELECT count(*) FROM shop_tag").fetchone()
        print(json.dumps([rows[0], answer.headers["Content-Disposition"]]))
        """
    )
    assert found[0] == 3
    assert 'filename="0002-' in found[1]
