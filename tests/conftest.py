"""Tiers: `pytest -m "not slow"` all day, `pytest` in CI, `pytest --every` by hand."""


def pytest_addoption(parser):
    parser.addoption(
        "--every", action="store_true", help="every point, seed and strategy: what CI samples, in half an hour"
    )


def pytest_collection_modifyitems(config, items):
    """Leave the slow tests to `--every`, but for those at scale, of which there are few and each is its own kind."""
    if config.getoption("--every"):
        return
    left = [item for item in items if item.get_closest_marker("slow") and not item.get_closest_marker("scale")]
    config.hook.pytest_deselected(items=left)
    gone = set(map(id, left))
    items[:] = [item for item in items if id(item) not in gone]
