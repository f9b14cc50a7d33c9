"""A rollback by one click: shown first, confirmed by typing, done once, undone the same way. The operator stays signed
in where that is right."""

import re
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite import fence

ROWS = "SELECT id, label FROM shop_tag ORDER BY id"


def in_the_archive(operated, script):
    """Run SQL in the first generation, which is closed."""
    (older,) = operated.folder.glob("db.sqlite3.generations/0001-*.sqlite3")
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        closed = fence.read_fence(connection)
        fence.lower_fence(connection)
        connection.execute(script)
        fence.raise_fence(connection, closed)
        connection.execute("COMMIT")


def test_get_shows_and_changes_nothing(operated, visit):
    before = operated.link.readlink()
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '1/rollback/'))))")
    assert operated.link.readlink() == before
    for part in (
        "shop_tag",
        "since",
        "You stay signed in",
        "expects version",
        "All of this was written since 0002-",
        "only in the live file: set aside",
        "only in the archive: comes back",
        "To undo it, roll back to 0002-",
        "manage.py schemasync rollback --keep-writes 0001-",
    ):
        assert part in text, part


def test_going_back_and_forth_again(operated, visit):
    found = visit(
        """
        c = visitor("root")
        answer = swap(c, 1)
        overview = c.get(answer.headers["Location"])
        from django.contrib.admin.models import LogEntry
        logged = [str(entry.get_change_message()) for entry in LogEntry.objects.all()]
        newest = live()
        print(json.dumps([answer.status_code, overview.status_code, body(overview), logged, newest.action, newest.actor]))
        """
    )
    code, overview, text, logged, action, actor = found
    assert (code, overview) == (302, 200), "signed in as before"
    assert "is live again" in text
    assert "To undo it, roll back to 0002-" in text
    assert any("Rolled back from 0002-" in message for message in logged)
    assert (action, actor) == ("rollback", "root (admin)")
    assert operated.rows(ROWS) == [(1, "red"), (2, "green")]
    visit("print(swap(visitor('root'), 2).status_code)")
    assert operated.rows(ROWS) == [(1, "red"), (2, "green"), (3, "since")]


@pytest.mark.parametrize(
    ("version", "expected", "said"),
    [
        ("'nonsense'", "None", "type the first 6 characters of the version, "),
        ("None", "'0001-aaaaaaaaaaaa'", "went live in the meantime"),
    ],
)
def test_what_is_not_meant_is_not_done(operated, visit, version, expected, said):
    before = operated.link.readlink()
    text = visit(f"print(json.dumps(body(swap(visitor('root'), 1, {version}, {expected}))))")
    assert said in text
    assert operated.link.readlink() == before


def test_it_takes_a_token_of_the_form(operated, visit):
    before = operated.link.readlink()
    assert visit("c = visitor('root', enforce_csrf_checks=True); print(swap(c, 1).status_code)") == 403
    assert operated.link.readlink() == before


def test_who_may_roll_back_may(operated, visit):
    assert visit("print(swap(visitor('swapper'), 1).status_code)") == 302
    assert operated.link.readlink().name.startswith("0001-")


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE auth_user SET password = 'other' WHERE username = 'root'",
        "UPDATE auth_user SET is_active = 0 WHERE username = 'root'",
        "UPDATE auth_user SET username = 'toor' WHERE username = 'root'",
    ],
)
def test_an_account_that_is_another_there_is_signed_out_with_a_message(operated, visit, script):
    """The account in the live file is unchanged; the account in the older file differs."""
    in_the_archive(operated, script)
    found = visit(
        """
        c = visitor("root")
        shown = body(c.get(BASE + "1/rollback/"))
        answer = swap(c, 1)
        page = c.get(answer.headers["Location"])
        print(json.dumps([shown, answer.headers["Location"], body(page), c.get(BASE).status_code]))
        """
    )
    shown, place, page, later = found
    assert "You will be signed out" in shown
    assert place == "/admin/login/"
    assert "is live again" in page
    assert "you are signed out" in page
    assert later == 302


def test_accounts_that_return_or_vanish_are_named(operated, visit):
    operated.python(
        "from django.contrib.auth.models import User\n"
        "User.objects.create_user('newcomer')\nUser.objects.filter(username='viewer').delete()\n"
        "u = User.objects.get(username='swapper'); u.set_password('other'); u.save()"
    )
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '1/rollback/'))))")
    assert "Accounts that are set aside:</strong> <bdi>newcomer" in text
    assert "Accounts that come back:</strong> <bdi>viewer" in text
    assert "<bdi>swapper" in text


@pytest.mark.slow
def test_rows_are_told_apart_by_what_the_reader_of_the_site_will_see(operated, visit):
    operated.run_sql("DELETE FROM shop_tag WHERE id = 2")
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '1/rollback/'))))")
    (row,) = re.findall(r"<bdi>shop_tag</bdi></th>(.*?)</tr>", text, re.DOTALL)
    assert re.findall(r'data-label="([^"]*)">(\d+)<', row) == [
        ("only in the live file: set aside", "1"),
        ("in both, but different: as in the archive", "1"),
        ("only in the archive: comes back", "1"),
    ]
    assert re.search(r"set aside</span> <bdi><span><b>id</b> 3</span> <span><b>label</b> since", text)
    assert re.search(r"comes back</span> <bdi><span><b>id</b> 2</span> <span><b>label</b> green", text)
    assert re.search(r"differs</span> <bdi><span><b>id</b> 1</span> <span><b>weight</b> 9 → 3</span> </bdi>", text)
    back = visit("swap(visitor('root'), 1); print(json.dumps(body(visitor('root').get(BASE + '2/rollback/'))))")
    assert re.search(r"comes back</span> <bdi><span><b>id</b> 3</span> <span><b>label</b> since", back)
    assert re.search(r"differs</span> <bdi><span><b>id</b> 1</span> <span><b>weight</b> 3 → 9</span> </bdi>", back)


UNDO = {
    "you": ("SELECT 1", "To undo it, roll back to 0002-"),
    "others": ("UPDATE auth_user SET is_superuser = 0 WHERE username = 'root'", "these accounts could:</strong> <bdi>swapper"),
    "nobody is active": ("UPDATE auth_user SET is_active = 0", "Nobody could undo this in the browser"),
    "nobody is of the staff": ("UPDATE auth_user SET is_staff = 0", "Nobody could undo this in the browser"),
    "nobody may": (
        "UPDATE auth_user SET is_superuser = 0, is_active = username = 'root'", "Nobody could undo this in the browser",
    ),
    "unknown": ("ALTER TABLE auth_group RENAME TO gone", "It is not known whether anybody could undo this"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "said"), UNDO.values(), ids=UNDO)
def test_who_could_undo_it_in_the_browser_is_said_and_nobody_in_red_with_the_command(operated, visit, script, said):
    in_the_archive(operated, script)
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '1/rollback/'))))")
    assert said in text
    assert re.search(r"manage\.py schemasync rollback 0002-[0-9a-f]{12}", text)
    alarmed = re.findall(r'class="errornote schemasync-problem" role="alert"><strong>([^<]*)', text)
    assert len(alarmed) == (1 if said.startswith(("Nobody", "It is not")) else 0), alarmed


def test_what_the_page_says_of_undoing_is_so(operated, visit):
    """No user is active in the archive: nobody can sign in after the rollback, and the printed command undoes it."""
    in_the_archive(operated, "UPDATE auth_user SET is_active = 0")
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '1/rollback/'))))")
    (command,) = re.findall(r"<pre>manage\.py (schemasync rollback 0002-[0-9a-f]{12})</pre>", text)
    visit("swap(visitor('root'), 1); print(1)")
    assert operated.link.readlink().name.startswith("0001-")
    signed_in = (
        "c = visitor(None); print(json.dumps([c.login(username=n, password=n) for n in ('root', 'swapper', 'viewer')]))"
    )
    assert visit(signed_in) == [False, False, False]
    operated.done(*command.split(), "--noinput")
    assert operated.link.readlink().name.startswith("0002-")
    assert visit(signed_in) == [True, True, True]


SESSIONS = {
    "db": "",
    "cached": 'SESSION_ENGINE = "django.contrib.sessions.backends.cache"',
    "cached_db": 'SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"',
    "cookies": 'SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"',
    "every request": "SESSION_SAVE_EVERY_REQUEST = True",
    "atomic requests": 'DATABASES["default"]["ATOMIC_REQUESTS"] = True',
    "both": 'DATABASES["default"]["ATOMIC_REQUESTS"] = True; SESSION_SAVE_EVERY_REQUEST = True',
}


@pytest.mark.slow(but=["db", "cookies"])
@pytest.mark.parametrize(
    "more",
    [
        # cached_db combines db and cache, and "both" combines the two cases before it
        pytest.param(
            more, id=name, marks=[pytest.mark.slow] * (name in ("cached_db", "every request", "atomic requests"))
        )
        for name, more in SESSIONS.items()
    ],
)
def test_the_operator_stays_signed_in_however_sessions_are_kept(operated, visit, more):
    operated.settings(flag=True, more=more)
    found = visit(
        """
        c = visitor("root")
        answer = swap(c, 1)
        again = c.get(answer.headers["Location"])
        back = swap(c, 2)
        print(json.dumps([answer.status_code, again.status_code, "is live again" in body(again), back.status_code, c.get(BASE).status_code]))
        """
    )
    assert found == [302, 200, True, 302, 200]
    assert operated.link.readlink().name.startswith("0002-")


def test_of_two_operators_at_once_one_wins_and_the_other_sees_why_not(operated, visit):
    found = visit(
        """
        import threading, traceback
        answers = {}
        ready = threading.Barrier(2)
        clients = {name: visitor(name) for name in ("root", "swapper")}
        now = live().generation
        from schemasync.models import SchemaVersion
        version = SchemaVersion.objects.get(pk=1).version.partition(":")[2][:6]
        def press(name):
            ready.wait()
            try:
                answer = clients[name].post(BASE + "1/rollback/", {"version": version, "live": now})
                answers[name] = body(clients[name].get(answer.headers["Location"]) if answer.status_code == 302 else answer)
            except Exception:
                answers[name] = traceback.format_exc()
        threads = [threading.Thread(target=press, args=[name]) for name in clients]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(json.dumps(list(answers.values())))
        """
    )
    winners = [text for text in found if "is live again" in text]
    losers = [text for text in found if "Another operator was faster" in text or "went live in the meantime" in text]
    assert (len(winners), len(losers)) == (1, 1), found
    restores = operated.rows("SELECT count(*) FROM _schema_versions WHERE action = 'rollback'")
    assert restores == [(1,)]


def test_a_file_that_is_gone_is_no_way_back(operated, visit):
    for path in operated.folder.glob("db.sqlite3.generations/0001-*"):
        path.unlink()
    found = visit(
        "c = visitor('root'); print(json.dumps([body(c.get(BASE + '1/rollback/')), body(c.get(BASE)), body(c.get(BASE + '1/change/'))]))"
    )
    assert "is missing" in found[0]
    assert "gone" in found[1]
    assert "Roll back to it" not in found[2]


# --- rights -----------------------------------------------------------------------------------------------------------

MORE = {
    "superuser": ("u.is_superuser = True; u.save()", "is_superuser"),
    "permission": ("u.user_permissions.add(Permission.objects.get(codename='delete_user'))", "auth.delete_user"),
    "group": ("u.groups.add(Group.objects.create(name='editors'))", "group editors"),
    "permission of a group": (
        "g = Group.objects.create(name='editors'); u.groups.add(g); "
        "g.permissions.add(Permission.objects.get(codename='delete_user'))",
        "auth.delete_user",
    ),
}
USER = "from django.contrib.auth.models import Group, Permission, User\nu = User.objects.get(username='swapper')\n"


def with_more_rights_in_the_first(operated, visit, code):
    """Run code while the first generation is live, then make the second one live again."""
    visit("print(swap(visitor('root'), 1).status_code)")
    operated.python(code)
    assert visit("print(swap(visitor('root'), 2).status_code)") == 302
    assert operated.link.readlink().name.startswith("0002-")


@pytest.mark.slow(but=["superuser"])
@pytest.mark.parametrize(("more", "right"), MORE.values(), ids=MORE)
def test_rights_that_would_come_back_are_shown_and_refused_to_the_one_who_would_gain(operated, visit, more, right):
    with_more_rights_in_the_first(operated, visit, USER + more)
    shown, page, still = visit(
        """
        c = visitor("swapper")
        shown = body(c.get(BASE + "1/rollback/"))
        from schemasync.models import SchemaVersion
        wanted = SchemaVersion.objects.get(pk=1).version.partition(":")[2][:6]
        answer = c.post(BASE + "1/rollback/", {"version": wanted, "live": live().generation})
        print(json.dumps([shown, body(answer), c.get(BASE).status_code]))
        """
    )
    assert right in shown
    assert "Rights that swapper regains" in shown
    for text in (shown, page):
        assert "A superuser has to roll back" in text
        assert 'name="version"' not in text
    assert operated.link.readlink().name.startswith("0002-")
    assert still == 200


def test_a_session_that_comes_back_with_more_rights_is_ended(operated, visit):
    cookies = (
        "from django.test import Client\n"
        "def cookie(name):\n"
        "    c = Client(SERVER_NAME='localhost')\n"
        "    assert c.login(username=name, password=name)\n"
        "    return c.cookies['sessionid'].value\n"
        "open('cookies.txt', 'w').write(cookie('swapper') + ' ' + cookie('viewer'))\n"
    )
    with_more_rights_in_the_first(operated, visit, USER + "u.is_superuser = True; u.save()\n" + cookies)
    known = visit(
        """
        def code(cookie):
            c = visitor("")
            c.cookies["sessionid"] = cookie
            return c.get("/admin/").status_code
        assert swap(visitor("root"), 1).status_code == 302
        print(json.dumps([code(cookie) for cookie in open("cookies.txt").read().split()]))
        """
    )
    assert known == [302, 200], "only the account that gains has to sign in again"


def test_a_superuser_may_go_back_and_signs_in_again_where_rights_grow(operated, visit):
    grown = USER + "User.objects.get(username='root').groups.add(Group.objects.create(name='editors'))"
    with_more_rights_in_the_first(operated, visit, grown)
    codes = visit("c = visitor('root'); print(json.dumps([swap(c, 1).status_code, c.get(BASE).status_code]))")
    assert codes == [302, 302]
    assert operated.link.readlink().name.startswith("0001-")


@pytest.mark.slow
def test_columns_that_cannot_be_compared_are_named(operated, visit):
    page = "print(json.dumps(body(visitor('root').get(BASE + '2/rollback/'))))"
    for token in ("", ', "token": {"type": "INTEGER", "fill": "random()"}'):
        text = operated.schema.read_text("utf-8").rstrip()
        text = text.replace(
            '"Coins": {"id": "INTEGER PRIMARY KEY"}', f'"Coins": {{"id": "INTEGER PRIMARY KEY"{token}}}'
        )
        if not token:
            text = f'{text.removesuffix("}").rstrip().rstrip(",")},\n"Coins": {{"id": "INTEGER PRIMARY KEY"}}\n}}\n'
        operated.schema.write_text(text, "utf-8")
        operated.done("schemasync")
        if not token:
            operated.run_sql("INSERT INTO Coins VALUES (1)")
            assert "Not everything can be compared" not in visit(page)
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '3/rollback/'))))")
    assert "token: not compared" in text
    assert "Not everything can be compared" in text
