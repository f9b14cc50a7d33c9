"""Helpers for the wording of messages."""

from schemasync.schema.text import first_few


def test_of_many_names_the_first_five_are_listed():
    assert first_few([]) == ""
    assert first_few(list("abcde")) == "a, b, c, d, e"
    assert first_few(list("abcdef")) == "a, b, c, d, e, …"
