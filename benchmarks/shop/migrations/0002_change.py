"""The change that is measured: the environment variable `BENCHMARK_CHANGE` names it."""

import os

from django.db import migrations

from ..operations import OPERATIONS


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = OPERATIONS[os.environ.get("BENCHMARK_CHANGE", "max_length")]
