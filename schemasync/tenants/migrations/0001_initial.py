import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "key",
                    models.CharField(
                        max_length=63,
                        primary_key=True,
                        serialize=False,
                        validators=[django.core.validators.RegexValidator("^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\Z")],
                        verbose_name="key",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="name")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("creating", "being created"),
                            ("active", "active"),
                            ("suspended", "suspended"),
                            ("archived", "archived"),
                            ("deleting", "being deleted"),
                        ],
                        db_index=True,
                        default="active",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("version", models.CharField(blank=True, editable=False, max_length=80, verbose_name="version")),
                ("failure", models.TextField(blank=True, editable=False, verbose_name="failure")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "tenant",
                "verbose_name_plural": "tenants",
                "ordering": ("key",),
            },
        ),
    ]
