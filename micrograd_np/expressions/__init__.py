"""One printer of formulas: for docstrings of rows, arrows of pictures, explanations and program source."""
