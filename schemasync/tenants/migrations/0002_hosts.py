from django.db import migrations, models

import schemasync.tenants.models


class Migration(migrations.Migration):
    dependencies = [
        ("schemasync_tenants", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="folder",
            field=models.CharField(blank=True, max_length=500, verbose_name="folder"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="group",
            field=models.CharField(blank=True, db_index=True, max_length=63, verbose_name="group"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="host",
            field=models.CharField(blank=True, db_index=True, max_length=100, verbose_name="host"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="labels",
            field=models.JSONField(
                blank=True, default=dict, validators=[schemasync.tenants.models.validate_labels], verbose_name="labels"
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="pinned",
            field=models.BooleanField(default=False, verbose_name="pinned"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="size",
            field=models.PositiveBigIntegerField(editable=False, null=True, verbose_name="size"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="state",
            field=models.CharField(
                choices=[
                    ("creating", "being created"),
                    ("active", "active"),
                    ("moving", "moving"),
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
    ]
