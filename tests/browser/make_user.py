"""Create a user: `python -m tests.browser.make_user NAME [--superuser] [APP.PERMISSION …]`, run by the tests."""

from __future__ import annotations

import argparse
import os

PASSWORD = "correct horse"


def make(name: str, superuser: bool, permissions: list[str]) -> None:
    """Create a staff user with exactly these permissions. Exit with an error if one does not exist."""
    from django.contrib.auth.models import Permission, User

    by_name = {f"{one.content_type.app_label}.{one.codename}": one for one in Permission.objects.all()}
    if unknown := set(permissions) - set(by_name):
        raise SystemExit(f"There is no permission {', '.join(sorted(unknown))}; there are {', '.join(sorted(by_name))}")
    user = User(username=name, is_staff=True, is_superuser=superuser)
    user.set_password(PASSWORD)
    user.save()
    user.user_permissions.set(by_name[permission] for permission in permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("permissions", nargs="*")
    parser.add_argument("--superuser", action="store_true")
    given = parser.parse_args()

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.browser.settings")
    django.setup()
    make(given.name, given.superuser, given.permissions)


if __name__ == "__main__":
    main()
