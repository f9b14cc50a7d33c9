"""Runs in the old release of linkding: fills a database by its models and views, and writes while it migrates."""

from datetime import timedelta

from bookmarks.models import Bookmark, BookmarkAsset, FeedToken, Tag, Toast
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

USERS, BOOKMARKS = 20, 90
PATHS = ("p", "Pfad ä", "a//b/", "%7Euser", "")
HOSTS = ("Example.org", "example.org:443", "EXAMPLE.com", "münchen.example", "127.0.0.1:8000")


def seed(rng):
    now = timezone.now()
    users = [_user(rng, number) for number in range(USERS)]
    for user in users:
        tags = [Tag.objects.create(name=f"tag{number}", owner=user, date_added=now) for number in range(12)]
        for number in range(BOOKMARKS):
            _bookmark(rng, user, tags, number, now)
        FeedToken.objects.create(user=user)
        Toast.objects.create(key="web_archive_opt_in_hint", message="ü" * 30, owner=user, acknowledged=user.pk % 2 == 0)
    _visit(users[0])


def _user(rng, number):
    user = User.objects.create_user(f"user{number}", f"user{number}@example.org", "public")
    profile = user.profile
    profile.theme = rng.choice(["auto", "dark", "light"])
    profile.custom_css = rng.choice(["", "body { color: red }"])
    profile.auto_tagging_rules = rng.choice(["", "example.org tag1"])
    profile.search_preferences = rng.choice([{}, {"sort": "title_asc", "unread": "yes"}])
    profile.save()
    group, _ = Group.objects.get_or_create(name=f"group {number % 4}")
    group.permissions.add(*rng.sample(list(Permission.objects.all()), 9))
    user.groups.add(group)
    user.user_permissions.add(*rng.sample(list(Permission.objects.all()), 3))
    if number % 3:
        Token.objects.create(user=user)
    return user


def _bookmark(rng, user, tags, number, now):
    scheme, host, path = rng.choice(["https", "HTTP"]), rng.choice(HOSTS), rng.choice(PATHS)
    bookmark = Bookmark.objects.create(
        url=f"{scheme}://{host}/{path}/{user.pk}/{number}?b=2&a=1{rng.choice(['', '#part'])}",
        title=rng.choice(["", f"Titel {number} ü"]),
        description=rng.choice(["", "d" * number]),
        notes=rng.choice(["", "*n*"]),
        website_title=rng.choice([None, "", f"of the page {number}"]),
        website_description=rng.choice([None, "", "of the page"]),
        unread=rng.random() < 0.5,
        shared=rng.random() < 0.2,
        is_archived=rng.random() < 0.1,
        date_added=now - timedelta(hours=number),
        date_modified=now - timedelta(minutes=number),
        owner=user,
    )
    bookmark.tags.add(*rng.sample(tags, 3))
    for asset in range(rng.choice([0, 0, 1, 3])):
        BookmarkAsset.objects.create(
            bookmark=bookmark,
            asset_type=rng.choice(["snapshot", "upload"]),
            status=rng.choice(["complete", "failure"]),
            content_type="text/html",
            display_name=f"asset {asset}",
            file=f"{bookmark.pk}-{asset}.html",
        )


def _visit(user):
    """Make a session, by a login, and a row of the admin's log, by a form of the admin."""
    user.is_staff = user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    form = {"name": "by-the-admin", "owner": user.pk, "date_added_0": "2024-01-02", "date_added_1": "03:04:05"}
    client.post("/admin/bookmarks/tag/add/", form)


def tag(rng, marker):
    return Tag(name=marker, owner_id=1, date_added=timezone.now()), "name"


def toast(rng, marker):
    return Toast(key="load", message=marker, owner_id=rng.randrange(1, USERS)), "message"


def asset(rng, marker):
    bookmark = Bookmark.objects.only("pk").order_by("pk")[rng.randrange(20)]
    return BookmarkAsset(
        bookmark_id=bookmark.pk, asset_type="upload", status="complete", display_name=marker
    ), "display_name"


WRITES = (tag, toast, asset)
