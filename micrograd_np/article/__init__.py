"""The article's three programs, by hand and on the tape, side by side."""
