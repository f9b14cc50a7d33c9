"""The table as Django would have made it; the tests make it by hand, and fake this one."""

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
