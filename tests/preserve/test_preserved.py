"""docs/preserved.md lists the fate of each feature of SQLite in four ways; a test covers each cell."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from schemasync.sync.phases.decide import SyncOptions

from . import features
from .ways import CHANGED, NO_WORD, UNTOUCHED, WAYS, outcomes

PAGE = Path(__file__).parents[2] / "docs" / "preserved.md"
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def cells():
    """Return the cells of the page: by the name of each feature, one for each way."""
    rows = [line.strip().strip("|").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line[:1] == "|"]
    return {
        row[0].strip(): dict(zip(WAYS, map(_plain, row[1:]), strict=True)) for row in rows if len(row) == 5 and row[1]
    }


def _plain(cell):
    return _LINK.sub(r"\1", cell).replace("`", "").strip()


CELLS = {name: found for name, found in cells().items() if name}
FEATURES = {feature.name: feature for feature in features.load()}
ONCE = [
    pytest.param(feature, way, first, id=f"{way}-{feature.name}" + (f"-{first}" if first else ""))
    for feature in FEATURES.values()
    for way in WAYS
    for first in feature.each
    if way != CHANGED or feature.change is not None
]
A_FILE = "PRAGMA page_size=1024; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA application_id=7; PRAGMA user_version=8"


def test_the_page_has_a_row_for_each_feature_that_is_tried():
    assert sorted(CELLS) == sorted(FEATURES)
    no_word = {name for name, found in CELLS.items() if found[CHANGED] == NO_WORD}
    assert no_word == {name for name, feature in FEATURES.items() if feature.change is None}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_page_says_of_all_features_in_one_database(way, tmp_path):
    kept = [one for one in FEATURES.values() if not one.is_of_the_file and not is_refused(one, way) and one.is_here()]
    assert len(kept) > 20
    assert outcomes(kept, way, tmp_path, A_FILE) == {one.name: CELLS[one.name][way] for one in kept}


def test_a_file_that_starts_empty_has_what_a_clone_has(tmp_path):
    kept = [one for one in FEATURES.values() if not one.is_of_the_file and one.is_here()]
    found = outcomes(kept, UNTOUCHED, tmp_path, A_FILE, SyncOptions(rebuild_all=True))
    assert found == {one.name: CELLS[one.name][UNTOUCHED] for one in kept}


def test_a_virtual_table_whose_module_renames_only_a_part_of_it_keeps_its_name(tmp_path):
    (vec,) = [one for one in FEATURES.values() if "vec0(v" in one.needs]
    if not vec.is_here():
        pytest.skip("no sqlite-vec, or a Python that loads no extensions")
    renamed = {
        "vec": "null",
        "vectors": {"_was": ["vec"], "_virtual": "vec0(embedding float[4], label text, +note text)"},
    }
    found = outcomes([replace(vec, change=renamed)], CHANGED, tmp_path)
    assert found == {vec.name: "refused (sqlite-refuses)"}


@pytest.mark.slow
@pytest.mark.parametrize(("feature", "way", "first"), ONCE)
def test_what_the_page_says_of_a_feature_alone(feature, way, first, tmp_path):
    if not feature.is_here():
        pytest.skip("this SQLite lacks it")
    found = outcomes([feature], way, tmp_path, first, SyncOptions(verify_full=True))
    assert found == {feature.name: CELLS[feature.name][way]}


def is_refused(feature, way):
    return CELLS[feature.name][way].startswith(("refused", NO_WORD))
