"""Notices and their tags in Django's admin."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from demo_project.notices.models import Notice, Tag

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Notice]
else:
    _Admin = admin.ModelAdmin


@admin.register(Notice)
class NoticeAdmin(_Admin):
    list_display = ["title", "posted_at", "author", "pinned"]
    list_filter = ["pinned", "tags"]
    search_fields = ["title", "text"]
    filter_horizontal = ["tags"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        """Propose the user who is signed in as the author."""
        return {"author": str(request.user.pk), **super().get_changeform_initial_data(request)}


admin.site.register(Tag)
