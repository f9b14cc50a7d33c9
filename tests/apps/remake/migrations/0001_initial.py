"""The table as Django would create it. The tests create it by hand, and fake this migration."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("title", models.TextField(null=True)),
                ("pages", models.IntegerField(null=True)),
                ("shelf", models.TextField(null=True)),
            ],
        ),
    ]
