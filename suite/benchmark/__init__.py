"""Timing: interleaved runs, correctness of what is timed, statistics with their conclusions, comparison of two runs."""
