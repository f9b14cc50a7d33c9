"""Pictures of pages, light and dark: `python -m tests.browser.screenshots FOLDER`."""

from __future__ import annotations

import argparse
import io
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from schemasync.databases import ACTOR

from ..demo.demo import Demo
from .chromium import DARK, LIGHT, Look, context_of, launched, missing, sign_in
from .serving import SUPERUSER, Site, made, serving
from .tenants import fleet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HEIGHT = 900  # pixels: anything below is cut off
COLOURS = 128
HEAVIEST = 70_000  # bytes: the pictures are committed to the repository


def as_it_is(page: Page) -> None: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A screenshot. `name` is its file name; `prepare` changes the loaded page into the wanted state. The picture
    begins at the element `start`, if one is given."""

    name: str
    path: str
    prepare: Callable[[Page], None] = as_it_is
    start: str = ""
    height: int = HEIGHT


BASE = "/admin/schemasync/schemaversion/"
PHONE = Look(width=360)
PICTURES = [
    Picture("overview", BASE),
    Picture("generation", f"{BASE}4/change/", height=1500),
    Picture("rollback", f"{BASE}1/rollback/"),
    Picture("sql", f"{BASE}4/sql/"),
    Picture("prune", f"{BASE}prune/?keep=1"),
]
ON_A_PHONE = [Picture("phone", f"{BASE}4/change/", start=".schemasync-side-by-side")]
PENDING = [Picture("pending", BASE), Picture("run", f"{BASE}run/")]
FLEET = "/admin/schemasync_tenants/tenant/"
TENANTS = [Picture("tenants", FLEET, height=640), Picture("tenants-state", f"{FLEET}status/", height=800)]


def take(browser: Browser, site: Site, look: Look, folder: Path, pictures: list[Picture]) -> Iterator[Path]:
    """Take all pictures in one look, as a superuser who signs in once; yield their paths."""
    context = context_of(browser, site, look)
    page = context.new_page()
    sign_in(page, SUPERUSER)
    for picture in pictures:
        page.goto(picture.path, wait_until="networkidle")
        picture.prepare(page)
        path = folder / f"{picture.name}-{look.scheme}.png"
        path.write_bytes(_taken(page, look.width, picture))
        yield path
    context.close()


def _taken(page: Page, width: int, picture: Picture) -> bytes:
    """Return the picture, from the top of the page or `start` to its end, at most `height` high."""
    box = page.locator(picture.start).first.bounding_box() if picture.start else None
    top = round(box["y"]) if box is not None else 0
    height = min(picture.height, page.evaluate("document.documentElement.scrollHeight") - top)
    shot = page.screenshot(
        full_page=True, clip={"x": 0, "y": top, "width": width, "height": height}, animations="disabled"
    )
    small = _small(shot)
    assert len(small) <= HEAVIEST, f"{page.url}: {len(small):,} bytes, which are more than {HEAVIEST:,}"
    return small


def _small(shot: bytes) -> bytes:
    """Return the PNG reduced to about as many colours as pages of the admin have."""
    from PIL import Image

    found = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(
        found, "PNG", optimize=True
    )
    return found.getvalue()


WRITTEN = """
UPDATE notices_notice SET pinned = 0 WHERE pinned;
INSERT INTO notices_tag (name) VALUES ('roof'), ('summer');
DELETE FROM TimeEntries WHERE entry_id IN (SELECT entry_id FROM TimeEntries ORDER BY entry_id DESC LIMIT 3);
"""


def _lived_in(folder: Path) -> Demo:
    """Make the demo after half a year: synced, rolled back and synced again, with rows written since."""
    first, later = made(folder), Demo(folder, "schema_v2.json")
    later.done("schemasync")
    first.done("schemasync", "rollback", "--noinput")
    later.done("schemasync", "--allow-older")
    with closing(sqlite3.connect(later.link)) as connection:
        connection.executescript(WRITTEN)
    for path in later.folder.glob("db.sqlite3.generations/*.sqlite3"):  # prune keeps a file that was live a moment ago
        if path.name != later.link.readlink().name:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("UPDATE _schemasync_fence SET at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour')")
    return later


def _behind(folder: Path) -> Demo:
    """Make the demo with code that is half a year newer than its database."""
    made(folder)
    return Demo(folder, "schema_v2.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if wanted := missing():
        raise SystemExit(f"There is no browser here: {wanted}")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[ACTOR] = "ann@web1"  # keep the name of this machine out of the pictures
    with tempfile.TemporaryDirectory() as scratch, launched() as browser:
        with serving(_lived_in(Path(scratch, "old"))) as site:
            _take_all(browser, site, folder, PICTURES)
            _take_all(browser, site, folder, ON_A_PHONE, PHONE)
        with serving(_behind(Path(scratch, "new"))) as site:
            _take_all(browser, site, folder, PENDING)
        with serving(fleet(Path(scratch, "tenants"))) as site:
            _take_all(browser, site, folder, TENANTS)


def _take_all(browser: Browser, site: Site, folder: Path, pictures: list[Picture], look: Look = LIGHT) -> None:
    for scheme in (look, replace(look, scheme=DARK.scheme)):
        for path in take(browser, site, scheme, folder, pictures):
            print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
