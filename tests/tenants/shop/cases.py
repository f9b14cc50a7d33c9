"""Tests as a project writes them; tests/tenants/test_testing.py runs them."""

from django.contrib.auth.models import User

from schemasync.tenants import current, tenant
from schemasync.tenants.testing import TenantTestCase

from .models import Author


class FirstTests(TenantTestCase):
    @classmethod
    def setUpTestData(cls):
        Author.objects.create(name="first")

    def test_rows_are_rolled_back(self):
        Author.objects.create(name="mine")
        self.assertEqual(Author.objects.count(), 2)

    def test_rows_are_rolled_back_once_more(self):
        self.test_rows_are_rolled_back()

    def test_the_client_gets_what_the_test_has_written(self):
        Author.objects.create(name="mine")
        host = {"host": "test.example.com"}
        self.assertEqual(self.client.get("/names/", headers=host).json()["names"], ["first", "mine"])
        self.client.force_login(User.objects.create_user("boss"))
        self.assertEqual(self.client.get("/user/", headers=host).json(), {"user": "boss"})

    def test_another_tenant_has_rows_of_its_own(self):
        self.add_tenant("other")
        with tenant("other"):
            self.assertFalse(Author.objects.exists())


class SecondTests(TenantTestCase):
    tenant_key = "second"

    def test_it_begins_empty(self):
        self.assertEqual((current(), Author.objects.count()), ("second", 0))
