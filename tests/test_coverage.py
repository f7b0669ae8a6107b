"""The page that says what works is what the table says."""

import re

import numpy as np
import pytest

import micrograd_np as mg
from tests.coverage import PATH, coverage, page

LISTED = np.__version__.startswith("2.4.")


@pytest.mark.skipif(not LISTED, reason="the page lists the functions of NumPy 2.4")
def test_the_page_is_what_the_table_says():
    assert PATH.read_text(encoding="utf-8") == page(), "the page is stale: run python -m tests.coverage"


@pytest.mark.parametrize("name", coverage()["not supported"])
def test_what_is_not_supported_names_itself_and_the_way_to_add_it(name):
    function = np
    for part in name.split(".")[1:]:
        function = getattr(function, part)
    with pytest.raises(TypeError, match=re.escape(name) + " is not in the table.*(mg.custom_op|mg.scatter)"):
        mg.Tensor(1.0).__array_function__(function, (), (), {})


def test_functions_of_numbers_that_text_has_too_are_listed():
    found = coverage()
    assert {"np.add", "np.multiply", "np.partition"} <= set(found["pass gradients"])
    assert "np.less" in found["have no derivative"]
    assert not any(name.endswith((".startswith", ".isalpha", ".count")) for names in found.values() for name in names)
