"""Conformance: targets, replays, metamorphic relations and training checks, whose comparisons become verdicts.

It sends requests through `suite.workers` and explains verdicts with `suite.diagnosis`. It imports no framework and no
report.
"""
