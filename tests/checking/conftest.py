"""The article's network, for all tests of `verify`."""

import pytest

from .article import record


@pytest.fixture
def article():
    return record()
