"""Writes the long description, which a package index shows: there a relative link of the README leads nowhere.

Everything else is in setup.cfg. If the `project_urls` there have a `Source`, links and pictures lead to the files of
this version there. Otherwise each link becomes the path that it names, and pictures are left out.
"""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
LINK = re.compile(r"\[([^]]+)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]+)?\)")
PICTURE = re.compile(r"<picture>.*?</picture>\n*", re.DOTALL)
ADDRESS = re.compile(r'(srcset|src)="(?!\w+:)([^"]+)"')
NOTE = "Paths such as `docs/index.md` are those of the source distribution.\n"


def source_address() -> str | None:
    """The address of the repository, if setup.cfg has one."""
    config = ConfigParser(delimiters="=")
    config.read(ROOT / "setup.cfg", "utf-8")
    lines = config.get("metadata", "project_urls", fallback="").strip().splitlines()
    urls = {name.strip(): url.strip() for name, _, url in (line.partition("=") for line in lines)}
    return urls.get("Source")


def version() -> str:
    (found,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / "schemasync" / "__init__.py").read_text("utf-8"), re.M)
    return found


def with_paths(readme: str) -> str:
    """The README without links to files: each names its path."""

    def named(match: re.Match[str]) -> str:
        words, path = match[1], match[2]
        return words if words.strip("`") == path else f"{words} (`{path}`)"

    title, rest = PICTURE.sub("", readme).split("\n\n", 1)
    return f"{title}\n\n{NOTE}\n{LINK.sub(named, rest)}"


def with_addresses(readme: str, source: str) -> str:
    """The README with absolute links, as GitHub forms them, to the tag of this version."""
    linked = LINK.sub(rf"[\1]({source}/blob/v{version()}/\2\3)", readme)
    return ADDRESS.sub(rf'\1="{source}/raw/v{version()}/\2"', linked)


def long_description() -> str:
    readme = (ROOT / "README.md").read_text("utf-8")
    source = source_address()
    return with_addresses(readme, source) if source else with_paths(readme)


setup(long_description=long_description(), long_description_content_type="text/markdown")
