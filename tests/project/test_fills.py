"""Values for existing rows of a field whose default is a function, in a real project."""

import json

from tests.support.site import Site

NOTE = """
import secrets
import uuid
from django.db import models
from django.utils import timezone

def token():
    return secrets.token_hex(20)

class Note(models.Model):
    title = models.CharField(max_length=40)
"""
NEW = """
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    made = models.DateTimeField(default=timezone.now)
    day = models.DateField(auto_now_add=True)
"""
TOKEN = "    token = models.CharField(max_length=40, default=token, unique=True)\n"
READ = """
from shop.models import Note
from django.utils import timezone
notes = list(Note.objects.order_by("id"))
assert all(abs((timezone.now() - note.made).total_seconds()) < 600 for note in notes)
assert Note.objects.filter(made__lte=timezone.now()).count() == len(notes)
print(len({note.key for note in notes}), {note.key.version for note in notes}, {str(note.day) for note in notes})
"""


def test_each_row_of_each_database_gets_its_own_and_the_file_holds_no_value(tmp_path):
    site = Site(tmp_path / "site", NOTE)
    site.done("schemasync", "--export")
    site.run_sql("INSERT INTO shop_note (title) VALUES ('One'), ('Two'), ('Three')")
    site.models(NOTE + NEW)
    site.done("schemasync", "--export")
    assert site.python(READ).startswith("3 {4} {'20")
    table = json.loads(site.schema.read_text().partition("\n")[2])["shop_note"]
    assert "randomblob" in table["key"]["fill"]
    assert table["made"]["fill"] == "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    site.models(NOTE + NEW + TOKEN)
    before = site.schema.read_text()
    ended = site.manage("schemasync", "--export")
    assert ended.code == 3
    assert (
        "[callable-default] schema.json:117:3: the default of shop.Note.token is the function shop.models.token"
        in ended.err
    )
    assert site.schema.read_text() == before
    line = next(line for line in ended.err.splitlines() if "randomblob" in line)
    entry = line.partition("random text: ")[2]
    site.schema.write_text(before.replace('"title":', f'{entry},\n    "title":'))
    site.done("schemasync", "--export")
    assert site.rows("SELECT count(DISTINCT token) FROM shop_note") == [(3,)]
    assert site.manage("schemasync", "check").code == 0
