"""A test runner that writes the outcome of each test to the file that OUTCOMES names."""

import json
import os
import unittest
from pathlib import Path

from django.conf import settings
from django.test.runner import DiscoverRunner
from django.utils.module_loading import import_string

_base = import_string(getattr(settings, "OWN_TEST_RUNNER", None) or "django.test.runner.DiscoverRunner")
assert issubclass(_base, DiscoverRunner)


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.found = {}

    def addSuccess(self, test):
        super().addSuccess(test)
        self.found.setdefault(test.id(), "passed")

    def addError(self, test, error):
        super().addError(test, error)
        self.found[test.id()] = f"error {error[0].__name__}"

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.found[test.id()] = f"failed {error[0].__name__}"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.found[test.id()] = "skipped"

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.found[test.id()] = f"failed {error[0].__name__} in a subtest"


class Runner(_base):
    def get_resultclass(self):
        return Result

    def run_suite(self, suite, **kwargs):
        result = super().run_suite(suite, **kwargs)
        Path(os.environ["OUTCOMES"]).write_text(json.dumps(result.found, indent=1, sort_keys=True))
        return result
