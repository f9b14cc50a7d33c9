"""Run the claims of `tests/tenants/claims` in one process with its own project:
`python -m tests.tenants.inside FOLDER [CLAIM …]`. Prints a JSON object with the error of each failed claim.
"""

from __future__ import annotations

import ast
import importlib
import io
import itertools
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

CLAIMS = Path(__file__).with_name("claims")

_numbers = itertools.count(1)


def names() -> list[str]:
    """Return `module.function` for each claim, without an import: the models of the claims need the project."""
    return [f"{path.stem}.{name}" for path in sorted(CLAIMS.glob("[a-z]*.py")) for name in _functions(path)]


def _functions(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name


def begin(folder: Path) -> None:
    """Set up the project, with its databases."""
    os.environ["TENANTS_FOLDER"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.tenants.settings"
    import django
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment()
    if "TENANTS_DEFAULT" in os.environ:
        call_command("migrate", verbosity=0)
    else:
        call_command("schemasync", export=True, verbosity=0)
    call_command("schemasync", database="tenant", export=True, verbosity=0)


def new(*authors: str) -> str:
    """Create a tenant with these authors, and return its key."""
    from schemasync.tenants import create_tenant, tenant

    key = f"t{next(_numbers)}"
    create_tenant(key)
    with tenant(key):
        from tests.tenants.shop.models import Author

        for name in authors:
            Author.objects.create(name=name)
    return key


def _failure(claim: str) -> str:
    module, _, name = claim.rpartition(".")
    try:
        getattr(importlib.import_module(f"tests.tenants.claims.{module}"), name)()
    except BaseException:  # noqa: BLE001  it is reported
        return traceback.format_exc()
    finally:
        from django.contrib.auth.models import User

        User.objects.using("default").all().delete()
    return ""


def main() -> None:
    with redirect_stdout(io.StringIO()):
        begin(Path(sys.argv[1]))
        found = {claim: _failure(claim) for claim in sys.argv[2:] or names()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
