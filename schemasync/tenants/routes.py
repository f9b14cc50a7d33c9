"""Compose the map from tenants to hosts, as the configuration of a proxy in front of all hosts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db import DEFAULT_DB_ALIAS

from ..errors import Code, UsageError
from .fleet.standing import SERVED
from .models import KEY, Tenant
from .settings import Host, tenant_settings


class RoutesFormat(StrEnum):
    """The format of a map: for nginx, for Caddy, or as JSON."""

    NGINX = "nginx"
    CADDY = "caddy"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Routes:
    """The map from tenants to hosts. `tenants`: the name of the host by key. `hosts`: those of the settings. `lost`:
    tenants in use whose host is not among these."""

    tenants: Mapping[str, str]
    hosts: Mapping[str, Host]
    lost: tuple[str, ...]


def routes() -> Routes:
    """Return the hosts of all tenants in use. Raises UsageError in a project with one host."""
    if not (hosts := tenant_settings().hosts):
        raise UsageError.of(Code.NO_HOST, "all tenants are on one host", 'Hosts are in SCHEMASYNC["TENANTS"]["HOSTS"].')
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(state__in=SERVED).order_by("key")
    found = dict(rows.values_list("key", "host"))
    tenants = {key: host for key, host in found.items() if host in hosts}
    return Routes(tenants, hosts, tuple(key for key in found if key not in tenants))


def nginx(found: Routes) -> str:
    """Return three maps for nginx's context http: $tenants_key, $tenants_host and $tenants_url."""
    source, pattern = _source("$host", "$uri", lambda name: f"$http_{name.lower().replace('-', '_')}")
    longest = max(map(len, found.tenants), default=0)
    return "\n".join(
        [
            "# The hosts of the tenants, for the context http. If nginx asks for it, set beside it:",
            f"# map_hash_bucket_size {256 if longest > 100 else 128};",
            f"# map_hash_max_size {max(2048, 2 * len(found.tenants))};",
            *_nginx_map(source, "$tenants_key", [(f"~{pattern}", "$1")]),
            *_nginx_map("$tenants_key", "$tenants_host", found.tenants.items()),
            *_nginx_map("$tenants_host", "$tenants_url", _urls(found, "${tenants_key}")),
            "",
        ]
    )


def caddy(found: Routes) -> str:
    """Return three maps for a site of Caddy: {tenants_key}, {tenants_host} and {tenants_url}."""
    source, pattern = _source("{host}", "{path}", lambda name: f"{{header.{name}}}")
    return "\n".join(
        [
            "# The hosts of the tenants, for the block of a site.",
            *_caddy_map(source, "{tenants_key}", [(f"~{pattern}", "${1}")]),
            *_caddy_map("{tenants_key}", "{tenants_host}", found.tenants.items()),
            *_caddy_map("{tenants_host}", "{tenants_url}", _urls(found, "{tenants_key}")),
            "",
        ]
    )


def _source(host: str, path: str, header: Callable[[str], str]) -> tuple[str, str]:
    """Return the proxy's variable that names a tenant, and the regular expression whose first group is the key. Raises
    UsageError if REQUEST is a function."""
    match tenant_settings().request:
        case {"subdomain": domain}:
            return host, rf"^({KEY})\.{re.escape(domain.lower())}$"
        case {"path": prefix}:
            return path, f"^{re.escape('/'.join(['', *filter(None, prefix.split('/'))]))}/({KEY})(?:/|$)"
        case {"header": name}:
            return header(name), f"^({KEY})$"
    raise UsageError.of(
        Code.BAD_OPTION,
        "REQUEST is a function, which no proxy can call",
        "Take the map of keys: manage.py schemasync tenants routes --format json",
    )


def _urls(found: Routes, key: str) -> Iterator[tuple[str, str]]:
    return ((one.name, one.url.replace("{key}", key)) for one in found.hosts.values() if one.url)


def _nginx_map(source: str, name: str, items: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"map {source} {name} {{"
    yield '    default "";'
    yield from (f'    "{said}" "{value}";' for said, value in items)
    yield "}"


def _caddy_map(source: str, name: str, items: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"map {source} {name} {{"
    yield '\tdefault ""'
    yield from (f'\t"{said}" "{value}"' for said, value in items)
    yield "}"
