"""The one change that is measured."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AlterField(
            model_name="order",
            name="comment",
            field=models.CharField(max_length=200),
        ),
    ]
