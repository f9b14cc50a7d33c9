"""Find the tenant of a request: by subdomain, path, header or a function of the project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from django.http import Http404, HttpRequest
from django.http.request import split_domain_port
from django.urls import get_script_prefix, set_script_prefix
from django.utils.module_loading import import_string

from .models import KEY
from .settings import FromRequest, tenant_settings

_KEY = re.compile(KEY)


def identification() -> FromRequest:
    """Return the function that the setting REQUEST means. It returns the key of a request's tenant, or None."""
    given = tenant_settings().request
    if isinstance(given, Mapping):
        ((kind, value),) = given.items()
        return partial(_KINDS[kind], value)
    if given is None:
        return lambda request: None
    found: FromRequest = import_string(given) if isinstance(given, str) else given
    return found


def _by_subdomain(domain: str, request: HttpRequest) -> str | None:
    """Return `acme` for acme.example.com; None for example.com itself, www and all other hosts."""
    host, _ = split_domain_port(request.get_host())
    key, dot, rest = host.partition(".")
    return key if dot and rest == domain.lower() and key != "www" and _KEY.fullmatch(key) else None


def _by_path(prefix: str, request: HttpRequest) -> str | None:
    """Return `acme` for /t/acme/…, with the prefix `/t/`; None for other paths. URLs are resolved without /t/acme, and
    reversed with it. Raises Http404 for an invalid key."""
    start = f"/{prefix.strip('/')}/".replace("//", "/")
    if not request.path_info.startswith(start):
        return None
    key, _, rest = request.path_info[len(start) :].partition("/")
    if not _KEY.fullmatch(key):
        raise Http404
    request.path_info = f"/{rest}"
    set_script_prefix(f"{get_script_prefix().rstrip('/')}{start}{key}/")
    return key


def _by_header(name: str, request: HttpRequest) -> str | None:
    """Return the value of a header, None without it. A proxy must set it, and remove it from requests of clients.
    Raises Http404 for an invalid key."""
    found = request.headers.get(name)
    if found is not None and not _KEY.fullmatch(found):
        raise Http404
    return found


_KINDS = {"subdomain": _by_subdomain, "path": _by_path, "header": _by_header}
