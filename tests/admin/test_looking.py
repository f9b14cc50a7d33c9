"""Users with the view permission see the true state; the pages write nothing, and nobody else gets them."""

import json

import pytest

from tests.support import json_outputs

PAGES = [
    "",
    "status.json",
    "1/change/",
    "2/change/?schema=1",
    "2/sql/",
    "2/schema.json",
    "1/rollback/",
    "prune/",
    "metrics/",
]


def test_the_overview_says_what_is_live_and_whether_the_three_agree(visit):
    text = visit("print(json.dumps(body(visitor('root').get(BASE))))")
    for part in (
        "0002-",
        "models and schema.json",
        "schema.json and database",
        "shop_tag: +weight",
        "18 new tables" if 0 else "new tables",
    ):
        assert part in text, part
    assert text.count("✓ agree") == 2
    assert "<svg" in text
    assert "A run is at work" in text


def test_what_was_measured_is_drawn_and_without_figures_the_page_says_so(visit):
    found = visit(
        """
        import time
        from django.db import connection
        from django.utils import translation
        from pathlib import Path
        from schemasync.engines.sqlite import metrics_file
        from schemasync.files.layout import Layout
        from schemasync.metrics.totals import Spent, Totals
        root, link = visitor("root"), Path(connection.settings_dict["NAME"])
        before = body(root.get(BASE + "metrics/"))
        load = {int(time.time()) - 60 * ago: Totals(commits=120, write_seconds=0.6) for ago in range(3)}
        assert metrics_file.add(Layout(link).metrics, link, load, {"SELECT * FROM shop_tag": Spent(61, 1.5, 0.1)})
        hour = body(root.get(BASE + "metrics/?period=hour"))
        with translation.override("de"):
            german = body(root.get(BASE + "metrics/?period=nonsense"))
        print(json.dumps([before, hour, german, BASE + "metrics/" in body(root.get(BASE))]))
        """
    )
    before, hour, german, is_linked = found
    assert "Nothing was measured yet" in before and "schemasync-bars" not in before and is_linked
    assert hour.count("schemasync-bars") == 4 and hour.count("<rect") == 6, hour.count("<rect")
    assert 'aria-label="Commits a second: at most 2"' in hour and "shop_tag" in hour
    assert 'aria-label="Commits pro Sekunde: höchstens 0,' in german and "Busy errors" not in german
    assert 'aria-label="Time of a write, in milliseconds: at most 5"' in hour


def test_it_says_in_what_they_differ(operated, visit):
    operated.change(("weight = models.IntegerField(default=3)", "mass = models.IntegerField(default=3)"))
    schema = operated.schema.read_text()
    operated.schema.write_text(
        schema.replace('"shop_customer": {', '"extra": {"id": "INTEGER PRIMARY KEY"},\n  "shop_customer": {')
    )
    text = visit("print(json.dumps(body(visitor('root').get(BASE))))")
    assert text.count("✗ differ") == 2
    assert "extra: new table" in text


def test_nobody_without_permission_sees_or_reaches_anything(visit):
    found = visit(
        f"""
        pages = {[*PAGES, "1/database/", "1/verify/", "run/"]!r}
        anyone, nobody, blind = visitor(None), visitor("nobody"), visitor("blind")
        print(json.dumps({{
            "anyone": [anyone.get(BASE + page).status_code for page in pages],
            "nobody": [nobody.get(BASE + page).status_code for page in pages],
            "blind": [blind.get(BASE + page).status_code for page in pages],
            "posts": [blind.post(BASE + page).status_code for page in ("1/rollback/", "prune/", "1/verify/", "run/")],
            "index": "Schema versions" in body(nobody.get("/admin/")),
        }}))
        """
    )
    assert set(found["anyone"]) == {302}
    assert set(found["nobody"]) == set(found["blind"]) == set(found["posts"]) == {403}
    assert not found["index"]


def test_who_may_only_look_sees_nothing_that_acts(visit):
    found = visit(
        f"""
        viewer = visitor("viewer")
        pages = {{page: viewer.get(BASE + page) for page in {PAGES!r}}}
        acts = [viewer.post(BASE + page, {{"live": live().generation, "version": "x", "keep": "1"}}).status_code
                for page in ("1/rollback/", "prune/", "run/")]
        texts = [body(answer) for answer in pages.values() if not answer.streaming]
        print(json.dumps({{"codes": {{page: answer.status_code for page, answer in pages.items()}}, "acts": acts,
            "words": [word for word in ("Roll back to it", "remove old ones", "Run it", "Download") if any(word in t for t in texts)],
            "database": viewer.get(BASE + "1/database/").status_code}}))
        """
    )
    assert found["codes"] == {page: 403 if page in ("1/rollback/", "prune/") else 200 for page in PAGES}
    assert found["acts"] == [403, 403, 403]
    assert found["words"] == []
    assert found["database"] == 403


def test_looking_writes_nothing(operated, visit):
    def content():
        return {
            p.name: p.read_bytes()
            for p in operated.link.parent.glob("db.sqlite3.generations/*")
            if not p.name.endswith("-shm")
        }

    visit("visitor('root'); print(1)")  # signing in writes a row for the session
    cookie = operated.python(
        "from django.contrib.auth.models import User\nfrom django.test import Client\n"
        "c = Client(SERVER_NAME='localhost'); c.force_login(User.objects.get(username='root'))\n"
        "print(c.cookies['sessionid'].value)"
    )
    before = content()
    found = visit(
        f"""
        client = Client(SERVER_NAME="localhost")
        client.cookies["sessionid"] = {cookie!r}
        print(json.dumps([client.get(BASE + page).status_code for page in {PAGES!r}]))
        """
    )
    assert set(found) == {200}
    assert content() == before


def test_names_from_the_schema_are_shown_inert(operated, visit):
    evil = "<script>alert(1)</script>\"'&\u202eabc"
    schema = operated.schema.read_text()
    table = (
        json.dumps(evil)
        + ': {"id": "INTEGER PRIMARY KEY", '
        + json.dumps("<b>" + "x" * 200)
        + ': "TEXT", "name": "TEXT"},\n  "shop_customer": {'
    )
    operated.schema.write_text(schema.replace('"shop_customer": {', table))
    operated.done("schemasync")
    schema = operated.schema.read_text()
    operated.schema.write_text(
        schema.replace('"shop_customer": {', '"more": {"id": "INTEGER PRIMARY KEY"},\n  "shop_customer": {')
    )
    operated.done("schemasync")
    operated.run_sql(
        f"INSERT INTO \"{evil.replace(chr(34), chr(34) * 2)}\" VALUES (1, NULL, '<img src=x onerror=alert(1)>')"
    )
    texts = visit(
        f"c = visitor('root'); print(json.dumps([body(c.get(BASE + p)) for p in {['', '3/change/?schema=1', '3/sql/', '3/rollback/']!r}]))"
    )
    for text in texts:
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>x" not in text
    assert "&lt;script&gt;alert(1)" in texts[1]
    assert "&lt;img src=x" in texts[3]


@pytest.mark.parametrize(
    ("path", "code"),
    [("99/change/", 404), ("99/sql/", 404), ("../change/", 404), ("x/change/", 404), ("1/change/?db=other", 404),
     ("?db=../../etc/passwd", 404), ("?days=x", 200), ("?actor=nobody", 200), ("?days=7&action=sync&q=0001", 200)],
)  # fmt: skip
def test_addresses_that_nobody_means(visit, path, code):
    assert visit(f"print(visitor('root').get(BASE + {path!r}).status_code)") in (code, 302 if code == 302 else code)


def test_a_history_that_names_a_path_outside_opens_nothing(operated, visit):
    operated.run_sql("UPDATE _schema_versions SET generation = '../../../etc/passwd' WHERE id = 1")
    codes = visit(
        "c = visitor('root'); print(json.dumps([c.get(BASE + p).status_code for p in ('1/database/', '1/change/', '1/rollback/')] + [c.post(BASE + '1/verify/').status_code]))"
    )
    assert codes[0] == codes[3] == 404
    assert codes[1] == 200
    assert codes[2] == 200, "which says that the file is gone"


def test_the_status_is_for_monitors_with_a_token(operated, visit):
    operated.settings(flag=True, more='SCHEMASYNC["STATUS_TOKEN"] = "0123456789abcdef"')
    found = visit(
        """
        c = visitor(None)
        right, wrong = "Bearer 0123456789abcdef", "Bearer 0123456789abcdeX"
        answers = [c.get(BASE + "status.json", headers={"Authorization": token}) for token in (right, wrong, "")]
        page = c.get(BASE, headers={"Authorization": right}).status_code
        print(json.dumps([[answer.status_code for answer in answers], answers[0].json()["result"], page]))
        """
    )
    assert found == [[200, 302, 302], "ok", 302]


def test_a_database_that_nobody_took_over_says_how(operated, visit):
    operated.done("schemasync", "eject")
    text = visit("print(json.dumps(body(visitor('root').get(BASE))))")
    assert "manage.py schemasync adopt" in text


def test_a_backup_that_was_moved_over_the_link_is_no_live_generation(operated, visit):
    backup = operated.folder / "backup.sqlite3"
    operated.done("schemasync", "snapshot", str(backup))
    backup.rename(operated.folder / "db.sqlite3")
    text, found = visit(
        "c = visitor('root'); print(json.dumps([body(c.get(BASE)), c.get(BASE + 'status.json').json()]))"
    )
    assert "is a plain file" in text
    assert "manage.py schemasync adopt" in text
    assert (found["result"], found["generation"]) == ("problem", None)
    json_outputs.check(found, "status")


def test_what_needs_a_person_stands_there(operated, visit):
    folder = operated.folder / "db.sqlite3.generations"
    strange = folder / "0009-abcabcabcabc.sqlite3"
    strange.write_bytes(b"")
    found = visit("c = visitor('root'); print(json.dumps([body(c.get(BASE)), c.get(BASE + 'status.json').json()]))")
    assert "0002-" in found[0]
    assert found[1]["result"] == "ok"
    json_outputs.check(found[1], "status")


def test_a_generation_beside_the_one_before(visit):
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '2/change/'))))")
    assert "weight integer NOT NULL" in text, "as schema.json has it"
    assert "schemasync-kind-added" in text
    assert "Compared with the previous one" in text
    assert "Compared with the live one" not in text
    older = visit("print(json.dumps(body(visitor('root').get(BASE + '1/change/'))))")
    assert "Compared with the live one" in older


CHECKED = (
    '"shelf": {"id": "INTEGER PRIMARY KEY", "kind": "TEXT CHECK (kind IN (\'old\',\'new\'))"},\n  "shop_customer": {'
)


def test_of_a_changed_table_only_the_changes_are_shown_unless_the_rest_is_asked_for(visit):
    few, all_lines = visit(
        "c = visitor('root'); print(json.dumps([body(c.get(BASE + '2/change/' + q)) for q in ('', '?lines=1')]))"
    )
    assert "label varchar(50) NOT NULL" not in few
    assert "Show the unchanged lines, too" in few
    assert "label varchar(50) NOT NULL" in all_lines
    assert "Show the unchanged lines, too" not in all_lines


@pytest.mark.slow
def test_sql_is_shown_as_it_was_written_as_long_as_its_file_is_there(operated, visit):
    operated.schema.write_text(operated.schema.read_text().replace('"shop_customer": {', CHECKED))
    operated.done("schemasync")
    pages = ("3/change/", "3/change/?schema=1", "3/sql/", "3/schema.json")
    shown = f"c = visitor('root'); print(json.dumps([body(c.get(BASE + p)) for p in {pages!r}]))"
    for text in visit(shown):
        assert "CHECK (kind IN ('old','new'))" in text.replace("&#x27;", "'")
    operated.schema.write_text(operated.schema.read_text().replace("'old','new'", "'old','new','odd'"))
    operated.done("schemasync")
    for path in operated.folder.glob("db.sqlite3.generations/0003-*"):
        path.unlink()
    for text in visit(shown):
        assert "kind in ('old', 'new')" in text.replace("&#x27;", "'"), "and never as tokens"
        assert "( 'old'" not in text.replace("&#x27;", "'")


def test_the_changes_of_a_generation_are_a_list(visit):
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '2/change/'))))")
    assert "<li><bdi>shop_tag: +weight</bdi></li>" in text


def test_how_a_run_went_is_shown_unless_somebody_changed_the_record(operated, visit):
    page = "print(json.dumps([a.content.decode() for a in [visitor('root').get(BASE + '2/change/')] if a.status_code == 200]))"
    (text,) = visit(page)
    assert '<th scope="row"><bdi>cut over</bdi></th>' in text
    broken = ('{"phases": [{"phase": "x", "seconds": "<b>"}], "log": null}', '"x"', '{"log": {"readers": 3}}')
    for value in broken:
        operated.run_sql(f"UPDATE _schema_versions SET plan = json_set(plan, '$.run', json('{value}')) WHERE id = 2")
        (text,) = visit(page)
        assert "How the run went" not in text


def test_the_statements_that_made_it(visit):
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '2/sql/'))))")
    assert "CREATE TABLE &quot;shop_tag&quot;" in text
    assert "shop_customer" not in text


def test_the_statements_are_shown_where_a_sync_took_in_a_table_that_was_made_by_hand(operated, visit):
    operated.run_sql("CREATE TABLE shelf (a INTEGER)")
    operated.schema.write_text(
        operated.schema.read_text().replace(
            '"shop_customer": {', '"box": {"a": "TEXT"},\n  "shelf": {"a": "TEXT"},\n  "shop_customer": {'
        )
    )
    operated.done("schemasync")
    text = visit("print(json.dumps(body(visitor('root').get(BASE + '3/sql/'))))")
    assert "CREATE TABLE &quot;box&quot;" in text


@pytest.mark.slow
def test_many_rows_of_history_take_few_queries(operated, visit):
    operated.run_sql(
        "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO _schema_versions SELECT i, version, '2020-01-01T00:00:00.000Z', 'sync', printf('%05d-abcabcabcabc', i), generation,"
        " schema, hints, fingerprint, plan, 0, 0, 0, 'x', '0', '' FROM n, _schema_versions v WHERE v.id = 1;"
        "UPDATE _schema_versions SET id = 20000 WHERE id = 2"
    )
    found = visit(
        """
        from django.db import connection
        from django.test.utils import CaptureQueriesContext
        import time
        c = visitor("root")
        counts = []
        for page in ("", "?p=20", "20000/change/", "20000/rollback/", "5/change/"):
            with CaptureQueriesContext(connection) as queries:
                begun = time.monotonic()
                assert c.get(BASE + page).status_code == 200, page
            counts.append(len(queries))
        print(json.dumps(counts))
        """
    )
    assert all(count < 10 for count in found), found


def test_in_another_language(operated, visit):
    operated.settings(flag=True, more='LANGUAGE_CODE = "de"')
    texts = visit(
        "c = visitor('root'); print(json.dumps([body(c.get(BASE + p)) for p in ('', '2/change/', '1/rollback/', 'prune/')]))"
    )
    assert "Modelle und schema.json" in texts[0]
    assert "✓ stimmen überein" in texts[0]
    assert "Verglichen mit der vorigen, 0001-" in texts[1]
    assert "Sie bleiben angemeldet" in texts[2]
    assert "Alte Archive löschen" in texts[3]


def test_every_text_is_translated_and_the_compiled_file_is_that_of_the_text():
    """The translation has every text that `makemessages` finds now, and none is missing."""
    import gettext
    import re
    from pathlib import Path

    folder = Path(__file__).resolve().parents[2] / "schemasync" / "locale" / "de" / "LC_MESSAGES"
    text = (folder / "django.po").read_text("utf-8")
    assert "fuzzy" not in text
    with (folder / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    sources = [
        path.read_text("utf-8") for path in Path(folder).parents[2].rglob("*") if path.suffix in (".py", ".html")
    ]
    marked = {
        found
        for source in sources
        for found in re.findall(r'(?:{% translate |\b_\(|gettext_lazy\()"((?:[^"\\]|\\.)+)"', source)
    }
    assert len(marked) > 80
    missing = [one for one in marked if catalogue.gettext(one) == one and f'msgstr "{one}"' not in text]
    assert missing == []
