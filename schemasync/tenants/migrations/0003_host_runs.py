from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("schemasync_tenants", "0002_hosts"),
    ]

    operations = [
        migrations.CreateModel(
            name="HostRun",
            fields=[
                ("host", models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name="host")),
                ("run", models.CharField(max_length=32)),
                ("version", models.CharField(max_length=80, verbose_name="version")),
                ("options", models.JSONField(default=dict)),
                ("asked_at", models.DateTimeField()),
                ("worker", models.CharField(blank=True, max_length=32)),
                ("beat_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("outcome", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ("host",),
            },
        ),
    ]
