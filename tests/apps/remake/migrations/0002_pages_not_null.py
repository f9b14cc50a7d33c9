"""One AlterField: `pages` may no longer be NULL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("remake", "0001_initial")]
    operations = [migrations.AlterField("book", "pages", models.IntegerField(default=0))]
