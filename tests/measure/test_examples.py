"""The examples in the documentation of these modules are right: `python3 -m unittest tests.measure.test_examples`."""

import doctest
import importlib
import pkgutil

from tests import measure


def load_tests(_loader, suite, _pattern):
    """Those of every module, the commands too."""
    for found in pkgutil.walk_packages(measure.__path__, f"{measure.__name__}."):
        suite.addTests(doctest.DocTestSuite(importlib.import_module(found.name)))
    return suite
