"""The overview states the next step: with a link for users who may do it, and for others who may, with the commands."""

import html
import re

import pytest

from .test_acting import pending


@pytest.fixture
def next_step(visit):
    """Return the text of the overview's next step for a user, the addresses of its links, and its commands."""

    def read(name):
        page = visit(f"print(json.dumps(body(visitor({name!r}).get(BASE))))")
        (block,) = re.findall(r'<div class="schemasync-next">(.*?)</div>', page, re.DOTALL)
        link = re.findall(r'href="([^"]*)"', block)
        commands = [
            line for pre in re.findall(r"<pre>(.*?)</pre>", block, re.DOTALL) for line in pre.split("\n") if line
        ]
        text = html.unescape(re.sub(r"<[^>]+>", " ", block))
        return " ".join(text.split()), link, commands

    return read


def test_nothing_to_do(next_step):
    text, link, commands = next_step("root")
    assert text == "Next step: There is nothing to do. To roll back, choose an archive in the list below."
    assert (link, commands) == ([], [])
    assert next_step("viewer")[0] == "Next step: There is nothing to do."


@pytest.mark.slow
def test_a_change_that_is_pending_is_a_link_for_who_may_run_it_and_a_command_for_others(operated, next_step):
    pending(operated)
    text, link, commands = next_step("root")
    assert "Bring the database to schema.json." in text
    assert (link, commands) == (["/admin/schemasync/schemaversion/run/"], [])
    text, link, commands = next_step("viewer")
    assert "Somebody with the permission “Can bring the database to schema.json” can" in text
    assert link == []
    for command in commands:
        operated.done(*command.split()[1:])
    assert "There is nothing to do." in next_step("viewer")[0]


def test_where_runs_from_the_admin_are_off_the_commands_are_for_the_server(operated, next_step):
    pending(operated)
    operated.settings(flag=True)
    text, link, commands = next_step("root")
    assert "On the server, look at the plan, then run it:" in text
    assert (link, commands) == ([], ["manage.py schemasync plan", "manage.py schemasync"])


def test_models_that_are_ahead_are_exported_first(operated, next_step):
    operated.change(
        ("label = models.SlugField()", "label = models.SlugField()\n    size = models.IntegerField(default=1)")
    )
    text, _, commands = next_step("root")
    assert "write the models into schema.json" in text
    assert commands == ["manage.py schemasync export"]
    operated.done(*commands[0].split()[1:])
    assert "Bring the database to schema.json" in next_step("root")[0]


def test_a_version_that_the_database_had_earlier_is_rolled_back_to(operated, visit, next_step):
    visit("print(swap(visitor('root'), 1).status_code)")
    text, link, commands = next_step("root")
    assert "The database had the version of schema.json earlier, in 0002-" in text
    assert (link, commands) == (["/admin/schemasync/schemaversion/2/rollback/"], [])
    text, link, commands = next_step("viewer")
    assert "Somebody with the permission “Can roll the database back to an earlier generation” can" in text
    assert link == []
    operated.done(*commands[0].split()[1:], "--noinput")
    assert "There is nothing to do." in next_step("viewer")[0]


@pytest.mark.slow
def test_where_its_file_is_gone_the_rows_of_today_are_brought_to_it(operated, visit, next_step):
    visit("print(swap(visitor('root'), 1).status_code)")
    for path in operated.folder.glob("db.sqlite3.generations/0002-*"):
        path.unlink()
    text, link, commands = next_step("root")
    assert "Its file is gone." in text
    assert (link, commands) == ([], ["manage.py schemasync --allow-older"])
    operated.done(*commands[0].split()[1:])
    assert "There is nothing to do." in next_step("root")[0]


def test_changes_by_hand_and_files_that_cannot_be_read(operated, next_step):
    operated.run_sql("ALTER TABLE shop_tag ADD COLUMN odd TEXT")
    text, _, commands = next_step("root")
    assert "Decide whether to keep or to undo what was changed by hand." in text
    assert commands == ["manage.py schemasync plan"]
    operated.schema.write_text("{")
    text, _, commands = next_step("root")
    assert commands


def test_differences_are_a_list_with_a_line_for_each_table(operated, visit):
    schema = operated.schema.read_text()
    tables = "".join(f'"extra{n}": {{"id": "INTEGER PRIMARY KEY"}},\n  ' for n in range(10))
    operated.schema.write_text(schema.replace('"shop_customer": {', tables + '"shop_customer": {'))
    text = visit("print(json.dumps(body(visitor('root').get(BASE))))")
    lines = re.findall(r"<li><bdi>(extra\d): new table</bdi></li>", text)
    assert lines == [f"extra{n}" for n in range(10)]
    assert "<summary>and 2 more</summary>" in text


def test_one_row_of_the_history_is_marked_live(operated, visit):
    visit("print(swap(visitor('root'), 1).status_code)")
    page = "print(json.dumps(body(visitor('root').get(BASE))))"
    rows = re.findall(r'<td class="field-file">(.*?)</td>', visit(page), re.DOTALL)
    assert [re.sub(r"<br>.*|<[^>]+>", "", row) for row in rows] == ["live", "archive", "live again later"]
    visit("print(swap(visitor('root'), 2).status_code)")
    rows = re.findall(r'<td class="field-file">(.*?)</td>', visit(page), re.DOTALL)
    assert [re.sub(r"<br>.*|<[^>]+>", "", row) for row in rows] == ["live", "archive", *["live again later"] * 2]


def test_sizes_are_those_of_the_command_line(operated, visit):
    shown = visit("print(json.dumps(body(visitor('root').get(BASE))))")
    sizes = re.findall(r"\d+ KB", operated.done("schemasync", "history").out)
    assert sizes
    assert sizes[0] in shown
