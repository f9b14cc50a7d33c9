"""The oracle of tests/cases: see tests/cases/README.md."""

import pytest

pytest.register_assert_rewrite("tests.oracle.check")
