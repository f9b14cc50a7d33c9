"""The tables as Django creates them; a test that creates them by hand fakes this migration."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Author",
            fields=[("id", models.AutoField(primary_key=True)), ("name", models.TextField(null=True))],
        ),
        migrations.CreateModel(
            name="Book",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("title", models.TextField(null=True)),
                ("pages", models.IntegerField(null=True)),
                ("shelf", models.TextField(null=True)),
                ("author", models.IntegerField(null=True)),
            ],
        ),
    ]
