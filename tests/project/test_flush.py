"""TESTS = "cached": after a TransactionTestCase, databases are as after Django's own `flush`, in less time."""

from contextlib import contextmanager

import pytest

from tests.support.site import Site

SETTINGS = """
SCHEMASYNC = {"TESTS": "HOW", "TEST_CACHE": BASE_DIR / "cache"}
INSTALLED_APPS += ["django.contrib.sites", "plain"]
SITE_ID = 1
DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "other.sqlite3"}
"""
ON_DISK = """
for alias in DATABASES:
    DATABASES[alias]["TEST"] = {"NAME": BASE_DIR / f"test_{alias}.sqlite3"}
"""
TRIGGER = """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunSQL(
        "CREATE TRIGGER note AFTER DELETE ON shop_tag BEGIN INSERT INTO shop_customer (name, email) VALUES (OLD.label, hex(randomblob(9))); END"
    )]
"""
APP = """
from django.apps import AppConfig
class Shop(AppConfig):
    name = "shop"
    def ready(self):
        from django.db.models.signals import post_migrate
        post_migrate.connect(for_shop, sender=self)
        post_migrate.connect(for_all)
def for_shop(app_config, using, **kwargs):
    app_config.get_model("Tag").objects.using(using).get_or_create(label="received")
def for_all(app_config, using, **kwargs):
    if CREATES:
        from django.contrib.contenttypes.models import ContentType
        from django.contrib.auth.models import Permission
        of, _ = ContentType.objects.using(using).get_or_create(app_label="shop", model="remark")
        Permission.objects.using(using).get_or_create(content_type=of, codename=f"see_{app_config.label}")
"""
TESTS = """
import json
from pathlib import Path
from urllib.request import urlopen
from django.conf import settings
from django.contrib.auth import management
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import LiveServerTestCase, TestCase, TransactionTestCase
from plain.models import Note
from shop.models import Customer, Order, Tag

calls = []
stock = management._get_all_permissions

def counting(opts):
    calls.append(opts)
    return stock(opts)

management._get_all_permissions = counting

def note(test):
    "Appends what a test finds: everything in its databases, and the content types that are known."
    found = [test.id()]
    for alias in sorted(test.databases):
        connections[alias].ensure_connection()
        found += [line for line in connections[alias].connection.iterdump() if "django_migrations" not in line]
    found += sorted(str(key) for key in ContentType.objects._cache.get("default", ()))
    with Path(__file__).with_name("found.txt").open("a") as file:
        file.write("\\n".join(found) + "\\n\\n")

class Base(TransactionTestCase):
    databases = {"default", "other"}
    def setUp(self):
        note(self)
    def work(self, alias="default"):
        tag = Tag.objects.using(alias).create(label="red")
        customer = Customer.objects.using(alias).create(name="Ann", email="a@example.com")
        Order.objects.using(alias).create(customer=customer, total=3).tags.add(tag)
        user = User.objects.using(alias).create(username="ann")
        user.user_permissions.add(Permission.objects.using(alias).first())
        Note.objects.using(alias).create(text="x")
        ContentType.objects.using(alias).create(app_label="mine", model="made")

class A_Serialized(Base):
    serialized_rollback = True
    def test_1(self):
        self.work()
    def test_2(self):
        Tag.objects.all().delete()

class B_Rows(Base):
    def test_1(self):
        self.work()
    def test_2(self):
        self.work("other")
        ContentType.objects.get_for_model(Tag)
    def test_3(self):
        pass

class C_One(Base):
    databases = {"default"}
    def test_1(self):
        self.work()
    def test_2(self):
        Permission.objects.all().delete()

class D_Sequences(Base):
    reset_sequences = True
    def test_1(self):
        self.work()
    def test_2(self):
        self.work()

class E_SomeApps(Base):
    available_apps = ["django.contrib.auth", "django.contrib.contenttypes", "shop"]
    def work(self):
        Tag.objects.create(label="red")
    def test_1(self):
        self.work()
    def test_2(self):
        self.work()

class F_OtherTables(Base):
    def test_1(self):
        connections["default"].cursor().execute("CREATE TABLE mine (x)")
        connections["default"].cursor().execute("INSERT INTO mine VALUES (1)")
        self.work()
    def test_2(self):
        self.work()

class G_Live(Base, LiveServerTestCase):
    def test_1(self):
        self.work()
        assert b"login" in urlopen(self.live_server_url + "/admin/", timeout=20).read()
    def test_2(self):
        assert b"login" in urlopen(self.live_server_url + "/admin/", timeout=20).read()

class H_Receivers(Base):
    def test_1(self):
        from django.db.models.signals import post_migrate
        from shop import apps
        post_migrate.disconnect(apps.for_all)
        self.work()
    def test_2(self):
        self.work()

class I_Models(Base):
    def test_1(self):
        from django.db import models
        class Late(models.Model):
            class Meta:
                app_label = "shop"
    def test_2(self):
        pass

class J_Calls(Base):
    def test_1(self):
        pass
    def test_2(self):
        calls.clear()
    def test_3(self):
        assert bool(calls) is not (settings.SCHEMASYNC["TESTS"] == "cached")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("flush") / "site", flag=False)
    made.done("makemigrations", "shop")
    for name, text in {
        "shop/apps.py": APP.replace("CREATES", "False"),
        "shop/tests.py": TESTS,
        "plain/__init__.py": "",
    }.items():
        made.folder.joinpath(name).parent.mkdir(exist_ok=True)
        made.folder.joinpath(name).write_text(text)
    made.folder.joinpath("plain/models.py").write_text(
        "from django.db import models\nclass Note(models.Model):\n    text = models.CharField(max_length=20)\n"
    )
    return made


def found(site, tests, more=""):
    """Run the project's tests, and return what each of them recorded about its databases."""
    site.settings(flag=False, more=SETTINGS.replace("HOW", tests) + more)
    file = site.folder / "shop" / "found.txt"
    file.unlink(missing_ok=True)
    ended = site.manage("test", "--noinput")
    assert ended.code == 0, ended.err
    assert "Ran 22 tests" in ended.err
    return file.read_text().split("\n\n")


def same(site, more=""):
    """Return the records of the tests, which must be the same with Django's own flush and with ours."""
    stock = found(site, "built", more)
    assert len(stock) == 23
    for one, other in zip(found(site, "cached", more), stock, strict=True):
        assert one == other
    return "\n".join(stock)


@pytest.mark.slow
def test_a_flush_leaves_what_django_leaves(site):
    assert "CREATE TABLE mine" in same(site)


@pytest.mark.slow
def test_also_on_disk(site):
    same(site, ON_DISK)


@pytest.mark.slow
def test_also_in_a_database_that_is_copied(site):
    same(site)
    same(site)


@pytest.mark.slow
def test_also_if_content_types_come_first(site):
    """Then the content types of the last app stay in the cache of ContentType.objects."""
    same(site, 'INSTALLED_APPS.insert(0, INSTALLED_APPS.pop(INSTALLED_APPS.index("django.contrib.contenttypes")))\n')


@contextmanager
def changed(site, name, text):
    path = site.folder / name
    before = path.read_text() if path.exists() else None
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink() if before is None else path.write_text(before)


@pytest.mark.slow
def test_also_if_a_receiver_writes_permissions_between_those_of_django(site):
    with changed(site, "shop/apps.py", APP.replace("CREATES", "True")):
        assert "see_shop" in same(site)


@pytest.mark.slow
def test_also_if_a_trigger_writes_while_rows_are_deleted(site):
    """Django's own command runs then. The order in which it empties tables is random, so the rows are not compared."""
    with changed(site, "shop/migrations/0002_trigger.py", TRIGGER):
        tests = TESTS.replace('assert bool(calls) is not (settings.SCHEMASYNC["TESTS"] == "cached")', "assert calls")
        with changed(site, "shop/tests.py", tests):
            found(site, "cached")
