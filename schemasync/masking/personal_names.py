"""Finds columns whose names suggest personal data."""

from __future__ import annotations

import re

from ..schema.names import fold

_WORDS = frozenset(
    """address birth birthdate birthday born city contact dob email emails fax firstname fullname gender iban ip
    lastname latitude longitude mail mobile nickname passport passwd password phone phones postcode salary secret
    signature ssn street surname tel telephone token user_agent username zip zipcode""".split()
)
_NAMES = frozenset("first last full user given family middle maiden nick sur display customer contact person".split())
_WORD = re.compile(r"[a-z]+|[A-Z][a-z]*|[A-Z]+(?![a-z])")

# Tables of Django whose names are names of a project's parts, and not of a person.
_OF_THE_PROJECT = frozenset(
    {"auth_group", "auth_permission", "django_content_type", "django_migrations", "django_site"}
)


def looks_personal(table: str, column: str) -> bool:
    """Return True for the usual names of columns with personal data. Another name does not prove that there is none."""
    if fold(table) in _OF_THE_PROJECT:
        return False
    words = [fold(word) for word in _WORD.findall(column)]
    if words == ["name"] or fold(column) in _WORDS or not _WORDS.isdisjoint(words):
        return True
    return "name" in words and not _NAMES.isdisjoint(words)
