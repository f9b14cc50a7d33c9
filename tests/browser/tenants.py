"""A site with two thousand tenants, most of which have only a row: the fleet page opens no file."""

from __future__ import annotations

from pathlib import Path

from tests.demo.demo import Demo
from tests.support.processes import environment

from .serving import SUPERUSER, add_user

MANY = 2_000
FILL = f"""
import random
from datetime import UTC, datetime
from schemasync.tenants import create_tenant
from schemasync.tenants.models import State, Tenant, TenantSize
create_tenant("acme", "Acme Ltd")
now, chance = Tenant.objects.get(pk="acme").version, random.Random(1)
words = "amber birch cedar delta ember fjord grove heath inlet juniper".split()
def row(number):
    name = f"{{chance.choice(words)}}-{{number:04d}}"
    tenant = Tenant(key=name, name=name.replace("-", " ").title(), version=now, files=7)
    tenant.size, tenant.health, tenant.health_at = chance.randrange(1, 2000) * 4096, "ok", datetime.now(UTC)
    if number % 500 == 7:
        tenant.health = "attention"
        tenant.problems = [dict(code="backup-overdue", message="the newest backup is 31 hours old, and may be 24", hint="")]
    if number % 50 == 0:
        tenant.state = State.SUSPENDED
    elif number % 40 == 0:
        tenant.version, tenant.failure = "1:5114881ecb9d", "database-locked: another process has the write lock"
    return tenant
made = Tenant.objects.bulk_create([row(number) for number in range({MANY} - 1)], batch_size=500)
TenantSize.objects.bulk_create(
    [TenantSize(tenant=one, day="2026-01-01", size=one.size - one.size // chance.randrange(3, 30)) for one in made], 500
)
"""


class Fleet(Demo):
    """The demo of tenants, with the interface that the tests of pages use for the other demo."""

    @property
    def environment(self) -> dict[str, str]:
        named = {"DEMO_FOLDER": str(self.folder), "DJANGO_SETTINGS_MODULE": "tests.browser.tenants_settings"}
        return environment() | named

    def command(self, *words: str) -> list[str]:
        return ["python", "-m", "django", *words]


def fleet(folder: Path) -> Fleet:
    """Create the databases of the demo, with the tenants and a superuser outside of them."""
    folder.mkdir()
    made = Fleet(folder)
    made.done("migrate", "-v0")
    made.done("migrate", "-v0", "--database", "tenant")
    made.done("shell", "-v0", "-c", FILL)
    add_user(made, SUPERUSER, "--superuser")
    return made
