"""The commands of demo_tenants/README.md, and the site that they create."""

import json
import re
import shlex

from tests.support.processes import ROOT, environment, run

README = (ROOT / "demo_tenants" / "README.md").read_text("utf-8")
MANAGE = "demo_tenants/manage.py"
BROWSE = """
import json
from django.test import Client
pages = {host: Client(headers={"host": f"{host}:8000"}).get("/") for host in ("acme.localhost", "bolt.localhost", "localhost")}
print(json.dumps({host: [page.status_code, page.content.decode()] for host, page in pages.items()}))
"""


def fences(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def typed(line, folder):
    """Run a line of the README as a shell does."""
    words = shlex.split(line)
    variables = {"DEMO_FOLDER": str(folder)}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    assert words[:2] == [".venv/bin/python", MANAGE], line
    ended = run(words[1:], ROOT, environment(**variables))
    assert ended.code == 0, (line, ended.err)
    return ended.out


def test_whoever_types_what_the_readme_says_sees_what_it_says(tmp_path):
    lines = [line for fence in fences("console") for line in fence.splitlines()]
    said = {}
    for line in lines:
        said[line] = typed(line, tmp_path)
        if "tenants report" in line:
            (shown,) = fences("text")
            assert said[line] == shown
            browsed = run((MANAGE, "shell", "-v0", "-c", BROWSE), ROOT, environment(DEMO_FOLDER=str(tmp_path)))
            pages = json.loads(browsed.out)
            assert [code for code, _ in pages.values()] == [200, 200, 200]
            assert "20000 cents in all" in pages["acme.localhost"][1] and "Bob" not in pages["acme.localhost"][1]
            assert "500 cents in all" in pages["bolt.localhost"][1] and "Ann" not in pages["bolt.localhost"][1]
            assert "http://acme.localhost:8000/" in pages["localhost"][1]
    (synced,) = [out for line, out in said.items() if line.endswith("tenants sync")]
    assert "2 tenants synced to version" in synced
    assert fences("sh") == [f".venv/bin/python {MANAGE} runserver\n"]
    assert (tmp_path / "tenants" / "acme" / "db.sqlite3").exists()
    assert not (tmp_path / "tenants" / "bolt").exists()
