"""The article's network, for all tests of `verify`, and whether it looks for the edit of a source."""

import pytest

from micrograd_np.checking import repair

from .article import record


@pytest.fixture
def article():
    return record()


@pytest.fixture(autouse=True)
def sources_are_not_edited(request, monkeypatch):
    """Most tests are about causes in terms of the forward pass; the search in the source takes seconds each."""
    if request.module.__name__.rpartition(".")[2] not in ("test_edits", "test_repair"):
        monkeypatch.setattr(repair, "BUDGET", 0)
