#!/usr/bin/env python
"""Run Django's commands on the demo of tenants."""

import os
import sys
from pathlib import Path


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # of the packages, from any folder
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_tenants.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
