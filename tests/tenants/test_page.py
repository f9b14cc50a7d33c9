"""The commands of the page on tenants, run in a new project with its settings."""

import re
import shlex
from datetime import UTC, datetime

import pytest

from tests.pages import page
from tests.support.processes import environment, run

# these need a release or a second host: tests/tenants/claims/back.py, tests/tenants/test_move.py
ELSEWHERE = ("tenants rollback", "tenants move", "tenants balance")


@pytest.mark.slow
def test_whoever_types_what_the_page_says_has_tenants(tmp_path):
    settings = {"DJANGO_SETTINGS_MODULE": "tests.tenants.settings", "TENANTS_FOLDER": str(tmp_path)}
    ended = {}
    for fence in page("docs/howto/tenants.md").fences:
        for line in fence.text.splitlines() if fence.language == "console" else ():
            if any(words in line for words in ELSEWHERE):
                continue
            typed = re.sub(r"--at \S+", f"--at {datetime.now(UTC).isoformat()}", line)  # a time in this project
            words = shlex.split(typed.removeprefix("python manage.py "))
            ended[line] = run(("-m", "django", *words), tmp_path, environment(**settings), fresh=True)
            assert ended[line].code == 0, (line, ended[line].err)
    assert len(ended) >= 8
    assert "1 active" in ended["python manage.py schemasync tenants status"].out
    assert (tmp_path / "tenants" / "acme" / "db.sqlite3").exists()
