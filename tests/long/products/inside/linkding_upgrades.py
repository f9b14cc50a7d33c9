"""Code that a maintainer of linkding ships with schema.json: two years' data migrations, most on today's models."""

from importlib import import_module

from bookmarks.models import ApiToken, Bookmark, BookmarkAsset, Toast
from bookmarks.utils import normalize_url
from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Q, Subquery
from rest_framework.authtoken.models import Token


def merge_metadata(using):
    rows = Bookmark.objects.using(using)
    rows.filter(Q(title__isnull=True) | Q(title=""), website_title__isnull=False).update(title=F("website_title"))
    rows.filter(Q(description__isnull=True) | Q(description=""), website_description__isnull=False).update(
        description=F("website_description")
    )


def latest_snapshot(using):
    assets = BookmarkAsset.objects.using(using).filter(
        bookmark=OuterRef("pk"), asset_type="snapshot", status="complete"
    )
    Bookmark.objects.using(using).update(latest_snapshot_id=Subquery(assets.order_by("-date_created").values("id")[:1]))


def normalized(using):
    rows = list(Bookmark.objects.using(using))
    for row in rows:
        row.url_normalized = normalize_url(row.url)
    Bookmark.objects.using(using).bulk_update(rows, ["url_normalized"], batch_size=200)


def search_toast(using):
    import_module("bookmarks.migrations.0050_new_search_toast").forwards(None, None)
    assert Toast.objects.using(using).exists() == User.objects.using(using).exists()


def tokens(using):
    for old in Token.objects.using(using):
        ApiToken.objects.using(using).create(key=old.key, user_id=old.user_id, name="Default Token")
