"""Find a storage by its URL, file: or s3:, for a machine that has no STORAGES yet."""

from __future__ import annotations

import importlib
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.files.storage import FileSystemStorage, Storage

from ..errors import Code, UsageError

SCHEMES = ("file", "s3")
HINT = "Use for example: file:///mnt/backups or s3://BUCKET/FOLDER?endpoint_url=https://s3.example.org"
OF_S3 = ("endpoint_url", "region_name", "addressing_style")


def is_address(text: str) -> bool:
    """True for a URL; False for the name of a storage and for a path."""
    return "://" in text or text.startswith("file:")


def storage_at(address: str) -> Storage:
    """Return the storage at a URL. The URL must not contain keys or passwords: boto3 finds them in the environment.
    Raises UsageError for an invalid URL."""
    parts = urlsplit(address)
    if parts.username or parts.password:
        where = f"{parts.scheme}://…@{parts.hostname}"
        raise _bad(where, "it has a user or a password, which others see in the list of processes")
    match parts.scheme:
        case "file" if parts.path.startswith("/") and parts.netloc in ("", "localhost"):
            return folder_storage(unquote(parts.path))
        case "s3" if parts.netloc:
            return _s3(address, parts)
        case "file" | "s3":
            raise _bad(address, "it names no place")
        case _:
            raise _bad(address, f"its scheme is none of {', '.join(SCHEMES)}")


def folder_storage(folder: object) -> Storage:
    """Return the storage in a folder. Only this user may read its files: a backup holds the whole database."""
    return FileSystemStorage(str(folder), file_permissions_mode=0o600, directory_permissions_mode=0o700)


def _s3(address: str, parts: SplitResult) -> Storage:
    given = dict(parse_qsl(parts.query))
    if unknown := sorted(given.keys() - set(OF_S3)):
        raise _bad(address, f"it has {', '.join(unknown)}; S3 takes {', '.join(OF_S3)}")
    try:
        module: Any = importlib.import_module("storages.backends.s3")
    except ImportError as error:
        raise UsageError.of(
            Code.MISSING_PACKAGE,
            f"{address} needs a package that is not installed: {error}",
            "pip install 'django-storages[s3]'",
        ) from error
    storage: Storage = module.S3Storage(
        bucket_name=parts.netloc, location=unquote(parts.path).strip("/"), file_overwrite=False, **given
    )
    return storage


def _bad(address: str, why: str) -> UsageError:
    return UsageError.of(Code.BAD_OPTION, f"{address}: {why}", HINT)
