"""What a browser has to say against a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, WebError


class Troubles:
    """Errors on the console, which say what breaks the Content-Security-Policy, too, and errors of scripts.

    A trouble that a test expects must come, else nobody would notice when the expectation has lost its reason.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.expected: list[str] = []

    def expect(self, text: str) -> None:
        """Something that has this text in it, once or more: `status of 403`."""
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
