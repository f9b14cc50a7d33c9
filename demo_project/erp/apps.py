"""The ERP in Django's admin: its tables are in schema.json alone, and unmanaged models read them."""

from django.apps import AppConfig


class ErpConfig(AppConfig):
    name = "demo_project.erp"
    verbose_name = "ERP"
