"""The tape: how a value remembers how it was made, and the walk back through it."""
