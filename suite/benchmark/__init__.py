"""Timing: correctness checks, interleaved runs, statistics with their conclusions, comparison of two runs."""
