from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("schemasync_tenants", "0003_host_runs"),
    ]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="state",
            field=models.CharField(
                choices=[
                    ("creating", "being created"),
                    ("active", "active"),
                    ("moving", "moving"),
                    ("suspended", "suspended"),
                    ("moving-suspended", "moving, suspended"),
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
