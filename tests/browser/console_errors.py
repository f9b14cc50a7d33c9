"""Errors that a browser reports about a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, WebError


class ConsoleErrors:
    """Errors on the console, which include violations of the Content-Security-Policy, and errors of scripts.

    An expected error must occur: otherwise nobody would notice that the expectation is no longer needed.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.expected: list[str] = []

    def expect(self, text: str) -> None:
        """Expect at least one error that contains this text, such as `status of 403`."""
        self.expected.append(text)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def check(self) -> None:
        unexpected = [one for one in self.seen if not any(text in one for text in self.expected)]
        assert not unexpected, "\n".join(unexpected)
        missed = [text for text in self.expected if not any(text in one for one in self.seen)]
        assert not missed, f"expected, and it did not come: {missed}"

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location["url"] or (message.page.url if message.page else "")
            self.seen.append(f"{where}: {message.text}")

    def _on_error(self, error: WebError) -> None:
        where = error.page.url if error.page else ""
        self.seen.append(f"{where}: {error.error}")
