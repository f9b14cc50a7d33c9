"""The pages in Django's admin: the live generation, the history, and rollback."""

from django.contrib import admin

from ..models import SchemaVersion
from .model_admin import SchemaVersionAdmin

admin.site.register(SchemaVersion, SchemaVersionAdmin)
