"""Well-known apps of others: the settings and models that each needs by its documentation, and the changes to try."""

from __future__ import annotations

from dataclasses import dataclass

MODELS = """
from django.db import models

class Remark(models.Model):
    about = models.ForeignKey("{about}", models.CASCADE)
    title = models.CharField(max_length=50)
    written = models.DateTimeField(null=True)
"""
CHANGES = (
    ("title = models.CharField(max_length=50)", "title = models.CharField(max_length=80, db_index=True)"),
    ("written = ", "stars = models.IntegerField(default=3)\n    written = "),
)
"""Changes of the project's own model, which refers to a model of the app."""


@dataclass(frozen=True)
class Borrowed:
    """One app. `collated`: a table of it and a column that gets a collation by hand, which no model has.

    `packages`: packages that it imports and does not require.

    `moved`: labels that got tables from an app whose migrations fill tables. If that app keeps its migrations, these
    must, too.
    """

    name: str
    collated: tuple[str, str]
    settings: str
    about: str = ""
    extras: str = ""
    own: str = ""
    moved: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def models(self):
        """The source of the project's own models."""
        return self.own or MODELS.format(about=self.about)


OSCAR = """
from oscar.defaults import *
INSTALLED_APPS += [
    "django.contrib.sites", "django.contrib.flatpages", "oscar.config.Shop",
    *(f"oscar.apps.{app}" for app in (
        "analytics.apps.AnalyticsConfig", "checkout.apps.CheckoutConfig", "address.apps.AddressConfig",
        "shipping.apps.ShippingConfig", "catalogue.apps.CatalogueConfig",
        "catalogue.reviews.apps.CatalogueReviewsConfig", "communication.apps.CommunicationConfig",
        "partner.apps.PartnerConfig", "basket.apps.BasketConfig", "payment.apps.PaymentConfig",
        "offer.apps.OfferConfig", "order.apps.OrderConfig", "customer.apps.CustomerConfig", "search.apps.SearchConfig",
        "voucher.apps.VoucherConfig", "wishlists.apps.WishlistsConfig", "dashboard.apps.DashboardConfig",
        "dashboard.reports.apps.ReportsDashboardConfig", "dashboard.users.apps.UsersDashboardConfig",
        "dashboard.orders.apps.OrdersDashboardConfig", "dashboard.catalogue.apps.CatalogueDashboardConfig",
        "dashboard.offers.apps.OffersDashboardConfig", "dashboard.partners.apps.PartnersDashboardConfig",
        "dashboard.pages.apps.PagesDashboardConfig", "dashboard.ranges.apps.RangesDashboardConfig",
        "dashboard.reviews.apps.ReviewsDashboardConfig", "dashboard.vouchers.apps.VouchersDashboardConfig",
        "dashboard.communications.apps.CommunicationsDashboardConfig",
        "dashboard.shipping.apps.ShippingDashboardConfig",
    )),
    "widget_tweaks", "haystack", "treebeard", "sorl.thumbnail", "django_tables2",
]
SITE_ID = 1
MIDDLEWARE += [
    "oscar.apps.basket.middleware.BasketMiddleware", "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
"""
WAGTAIL = """
INSTALLED_APPS += [
    "wagtail.contrib.forms", "wagtail.contrib.redirects", "wagtail.embeds", "wagtail.sites", "wagtail.users",
    "wagtail.snippets", "wagtail.documents", "wagtail.images", "wagtail.search", "wagtail.admin", "wagtail",
    "modelcluster", "taggit",
]
MIDDLEWARE += ["wagtail.contrib.redirects.middleware.RedirectMiddleware"]
STATIC_ROOT, MEDIA_ROOT, MEDIA_URL = BASE_DIR / "static", BASE_DIR / "media", "/media/"
WAGTAIL_SITE_NAME, WAGTAILADMIN_BASE_URL = "A site", "http://example.com"
"""
ALLAUTH = """
INSTALLED_APPS += [
    "django.contrib.sites", "allauth", "allauth.account", "allauth.socialaccount",
    "allauth.socialaccount.providers.github", "allauth.mfa", "allauth.usersessions",
]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend",
]
SITE_ID = 1
"""
HISTORY = """
INSTALLED_APPS += ["simple_history"]
MIDDLEWARE += ["simple_history.middleware.HistoryRequestMiddleware"]
"""
WITH_HISTORY = """
from django.contrib.auth.models import Group
from django.db import models
from simple_history import register
from simple_history.models import HistoricalRecords

class Place(models.Model):
    name = models.CharField(max_length=100, unique=True)
    within = models.ForeignKey("self", models.SET_NULL, null=True)
    readers = models.ManyToManyField(Group)
    history = HistoricalRecords(m2m_fields=[readers])

class Remark(models.Model):
    about = models.ForeignKey(Place, models.CASCADE)
    title = models.CharField(max_length=50)
    written = models.DateTimeField(null=True)
    history = HistoricalRecords(history_change_reason_field=models.TextField(null=True), history_user_id_field=None)

class Shelf(Place):
    boards = models.JSONField(default=list)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    history = HistoricalRecords()

register(Group, app="shop")
"""

APPS = (
    Borrowed(
        "django-oscar",
        ("catalogue_product", "title"),
        OSCAR,
        "catalogue.Product",
        "[sorl-thumbnail]",
        moved=("communication",),  # three tables came to it from `customer`
    ),
    Borrowed("wagtail", ("wagtailcore_page", "title"), WAGTAIL, "wagtailcore.Page"),
    Borrowed(
        "django-allauth",
        ("socialaccount_socialapp", "name"),
        ALLAUTH,
        "account.EmailAddress",
        "[mfa,socialaccount]",
    ),
    Borrowed(
        "django-celery-beat",
        ("django_celery_beat_periodictask", "task"),
        'INSTALLED_APPS += ["django_celery_beat"]\n',
        "django_celery_beat.PeriodicTask",
    ),
    Borrowed("django-simple-history", ("shop_historicalplace", "name"), HISTORY, own=WITH_HISTORY),
)

# --- products that only `eject` is tried with -----------------------------------------------------------------------

CMS = Borrowed(
    "django-cms",
    ("cms_page", "languages"),
    """
INSTALLED_APPS += ["django.contrib.sites", "cms", "menus", "treebeard", "sekizai"]
MIDDLEWARE += ["django.middleware.locale.LocaleMiddleware"]
SITE_ID = 1
LANGUAGE_CODE, LANGUAGES = "de", [("en", "English"), ("de", "German")]
CMS_CONFIRM_VERSION4 = True
CMS_TEMPLATES = [("a.html", "A")]
X_FRAME_OPTIONS = "SAMEORIGIN"
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    "sekizai.context_processors.sekizai", "cms.context_processors.cms_settings",
]
""",
    "cms.Page",
    packages=("packaging",),
)
PRETIX = Borrowed(
    "pretix",
    ("pretixbase_event", "slug"),
    """
first, databases = [app for app in INSTALLED_APPS if app == "schemasync"], DATABASES
from pretix.settings import *
INSTALLED_APPS = [*first, *INSTALLED_APPS, "shop"]
DATABASES = databases
SCHEMASYNC["SCHEMA"] = DATABASES["default"]["NAME"].with_name("schema.json")  # its BASE_DIR is its package
""",
    "pretixbase.Event",
)
"""Its settings are those of a project, and the `migrate` and `makemigrations` of schemasync override its own."""
