"""The commands of the tutorials run."""

import pytest

from .pages import page
from .typed import type_page


@pytest.mark.slow(but=["tutorial-15"])
@pytest.mark.parametrize(
    ("name", "commands"), [("tutorial", 15), ("tutorial-existing-project", 12), ("tutorial-json", 8)]
)
def test_whoever_types_a_tutorial_sees_what_it_shows(tmp_path, name, commands):
    assert type_page(page(f"docs/{name}.md"), tmp_path) >= commands
