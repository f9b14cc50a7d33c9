"""The pages in Django's admin: what is live, what changed, and one click back."""

from django.contrib import admin

from ..models import SchemaVersion
from .versions import SchemaVersionAdmin

admin.site.register(SchemaVersion, SchemaVersionAdmin)
