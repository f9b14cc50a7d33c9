"""The tutorial, typed."""

from .pages import page
from .typed import type_page


def test_whoever_types_the_tutorial_sees_what_it_shows(tmp_path):
    assert type_page(page("docs/tutorial.md"), tmp_path) > 10
