"""Make signatures valid in one tenant only: user ids repeat between tenants, and password hashes do, too, if one file
is a copy of another."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth import base_user, tokens
from django.core import signing
from django.utils import crypto

from .context import current


def install() -> None:
    """Salt Django's signatures with the entered tenant: signed values and cookies, tokens for a new password, and the
    hash of the password in a session."""
    salted = _salted(crypto.salted_hmac)
    for module in (signing, tokens, base_user):
        module.salted_hmac = salted  # type: ignore[attr-defined]


def _salted(hmac: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(hmac)
    def salted_hmac(key_salt: str | bytes, value: Any, *args: Any, **named: Any) -> Any:
        key = current()
        if key is not None:
            salt = key_salt if isinstance(key_salt, bytes) else key_salt.encode()
            key_salt = salt + b":tenant:" + key.encode()
        return hmac(key_salt, value, *args, **named)

    return salted_hmac
