"""Bind a session to the tenant in which it was saved."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from ..context import current

TENANT = "_schemasync_tenant"


class BoundToTenant(SessionBase):
    """A mixin for a `SessionStore` of Django. A session that is presented in another tenant than its own, or outside of
    any, is deleted from the store, and the request gets an empty one."""

    def load(self) -> Any:
        data = super().load()
        if self._is_of_another(data):
            self.delete(self.session_key)
            return self._empty()
        return data

    async def aload(self) -> Any:
        data = await super().aload()
        if self._is_of_another(data):
            await self.adelete(self.session_key)
            return self._empty()
        return data

    def save(self, must_create: bool = False) -> None:
        self._get_session(no_load=must_create)[TENANT] = current()  # type: ignore[attr-defined]
        super().save(must_create)

    async def asave(self, must_create: bool = False) -> None:
        session = await self._aget_session(no_load=must_create)  # type: ignore[attr-defined]
        session[TENANT] = current()
        await super().asave(must_create)

    def _is_of_another(self, data: Any) -> bool:
        """True for data of another tenant; also for data that cannot be decoded, because another tenant has signed it,
        and for a session without a tenant, from before this backend was used."""
        return self.session_key is not None and (TENANT not in data or data[TENANT] != current())

    def _empty(self) -> dict[str, Any]:
        self._session_key: str | None = None
        return {}
