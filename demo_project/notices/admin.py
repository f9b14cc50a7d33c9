"""Notices and their tags in Django's admin."""

from django.contrib import admin
from django.http import HttpRequest

from demo_project.notices.models import Notice, Tag


@admin.register(Notice)
class NoticeAdmin(admin.ModelAdmin):
    list_display = ["title", "posted_at", "author", "pinned"]
    list_filter = ["pinned", "tags"]
    search_fields = ["title", "text"]
    filter_horizontal = ["tags"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str]:
        """Propose whoever is signed in as the author."""
        return {"author": str(request.user.pk), **super().get_changeform_initial_data(request)}


admin.site.register(Tag)
