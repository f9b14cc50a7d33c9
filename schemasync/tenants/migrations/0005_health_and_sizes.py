import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("schemasync_tenants", "0004_moving_suspended"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="files",
            field=models.PositiveIntegerField(editable=False, null=True, verbose_name="files"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="health",
            field=models.CharField(
                blank=True,
                choices=[("ok", "ok"), ("attention", "needs attention"), ("unusable", "cannot be used")],
                editable=False,
                max_length=20,
                verbose_name="health",
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="health_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="checked at"),
        ),
        migrations.AddField(
            model_name="tenant",
            name="problems",
            field=models.JSONField(blank=True, default=list, editable=False, verbose_name="problems"),
        ),
        migrations.CreateModel(
            name="TenantSize",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("size", models.PositiveBigIntegerField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sizes",
                        to="schemasync_tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant", "day"), name="schemasync_one_size_a_day")],
            },
        ),
    ]
