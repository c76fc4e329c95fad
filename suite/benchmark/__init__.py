"""Timing: correctness checks, interleaved runs, statistics with their conclusions, comparison of two runs.

It times nothing that has not agreed with the oracle, and does not import `suite.run`.
"""
