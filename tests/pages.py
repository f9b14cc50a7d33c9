"""Parse the pages of the documentation: their blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, text and first line, and the HTML comment directly before it."""

    language: str
    text: str
    line: int
    comment: str


@dataclass(frozen=True)
class Page:
    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def fences(self) -> list[Fence]:
        found: list[Fence] = []
        lines, start = self.text.splitlines(), None
        for number, line in enumerate(lines):
            if not line.startswith("```"):
                continue
            if start is None:
                start = number
                continue
            before = re.fullmatch(r"<!-- (.*) -->", lines[start - 1]) if start else None
            text = "\n".join(lines[start + 1 : number])
            found.append(Fence(lines[start].removeprefix("```"), text, start + 1, before[1] if before else ""))
            start = None
        assert start is None, f"{self.name}:{start}: a block that is not closed"
        return found

    @property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return re.sub(r"^```.*?^```", "", self.text, flags=re.DOTALL | re.MULTILINE)

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)

    @property
    def anchors(self) -> set[str]:
        """The fragments (after #) that links may use, as GitHub generates them from headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in self.headings}

    def section(self, heading: str) -> str:
        """Return the text under a heading, up to the next heading of the same or a higher level."""
        match = re.search(rf"^(#+) {re.escape(heading)}$", self.text, re.MULTILINE)
        assert match, f"{self.name} has no section {heading}"
        return re.split(rf"^#{{1,{len(match[1])}}} ", self.text[match.end() :], maxsplit=1, flags=re.MULTILINE)[0]


@cache
def page(name: str) -> Page:
    path = ROOT / name
    return Page(path, path.read_text("utf-8"))


def pages() -> list[Page]:
    """Return all pages except the recorded outputs of long runs."""
    found = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "evidence" not in path.parts]
    others = [page(name) for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/cases/README.md")]
    return [*others, *(page(str(path.relative_to(ROOT))) for path in found)]


def without_figures(printed: str) -> str:
    """Return the output of a command without what differs from run to run: times, sizes and dates."""
    printed = re.sub(r"\d+ pages?|\d{4}-\d\d-\d\d \d\d:\d\d", "…", printed.strip())
    return re.sub(r"(?<!\S)[\d.,]+ (ms|s)\b", "…", printed)
