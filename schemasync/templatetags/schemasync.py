"""Template filters that show a sign and a word in addition to a colour."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..schema import text

register = template.Library()

KINDS = {
    "same": ("", gettext_lazy("same")),
    "added": ("+", gettext_lazy("added")),
    "removed": ("\N{MINUS SIGN}", gettext_lazy("removed")),
    "changed": ("≠", gettext_lazy("changed")),
    "renamed": ("→", gettext_lazy("renamed")),
}
ROWS = {
    "added": ("\N{MINUS SIGN}", gettext_lazy("set aside")),
    "removed": ("+", gettext_lazy("comes back")),
    "changed": ("≠", gettext_lazy("differs")),
}
ACTIONS = {
    "keep": gettext_lazy("kept"),
    "alter": gettext_lazy("altered"),
    "rewrite": gettext_lazy("rewritten"),
    "derive": gettext_lazy("filled by a SELECT"),
    "transform": gettext_lazy("filled by a transform"),
    "create": gettext_lazy("created"),
    "drop": gettext_lazy("dropped"),
}


@register.simple_tag
def kind(value: str) -> SafeString:
    """The change of a table or a line."""
    sign, word = KINDS[str(value)]
    return format_html('<span class="schemasync-kind schemasync-kind-{}">{} {}</span>', str(value), sign, word)


@register.simple_tag
def row_kind(value: str) -> SafeString:
    """What a rollback does with a row, as a reader of the site sees it."""
    sign, word = ROWS[str(value)]
    return format_html('<span class="schemasync-kind">{} {}</span>', sign, word)


@register.simple_tag
def action(value: str) -> str:
    """The step for a table in a run."""
    return str(ACTIONS.get(str(value), value))


@register.simple_tag
def agreement(found: Any) -> SafeString:
    """Whether two of the three agree."""
    if found.agrees:
        return format_html('<span class="schemasync-mark schemasync-yes">✓ {}</span>', _("agree"))
    word = _("differ") if found.is_known else _("cannot be compared")
    return format_html('<span class="schemasync-mark schemasync-no">✗ {}</span>', word)


@register.filter
def short(version: str) -> str:
    """The first digits of a version."""
    return text.short(version)


@register.filter
def size(count: int) -> str:
    """A number of bytes, as the command line prints it."""
    from ..texts import size as shown  # imported when it is used: it brings rich

    return shown(count)


@register.filter
def change(count: int) -> str:
    """A number of bytes more or fewer, as the command line prints it."""
    from ..texts import change as shown

    return shown(count)


@register.filter
def addressed(text: str, selected: Any) -> str:
    """The text, with the database of the page in its commands."""
    return str(selected.addressed(text))


@register.filter
def number(generation: str) -> str:
    """The number of a generation: `0002` of `0002-53824311221f`."""
    return generation.partition("-")[0]
