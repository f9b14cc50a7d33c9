"""Three AlterFields of one table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("remake", "0002_pages_not_null")]
    operations = [
        migrations.AlterField("book", "title", models.TextField(default="")),
        migrations.AlterField("book", "pages", models.IntegerField(null=True)),
        migrations.AlterField("book", "shelf", models.TextField(default="")),
    ]
