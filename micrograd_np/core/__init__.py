"""The tape, in eight files. Reading order:

tensor      a Tensor: an array, its gradient, and how it was made
backward    reverse mode: from a cotangent of the output to those of everything it was made from
dispatch    an op runs and is recorded
context     the modes of a computation: recording, tracing, anomaly detection, scopes
versions    which memory was written to, and when; snapshots of what a rule still has to read
names       what the user calls a value, and on which line it was made
containers  nested dicts, lists, tuples and dataclasses of arrays
errors      the exceptions, and every message
"""
