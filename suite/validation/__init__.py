"""Tests of the suite itself: mutation testing, fuzzing, and the fidelity of the timing.

Mutation testing checks that wrong optimizers are caught; fuzzing checks that correct ones are never reported as wrong.
It imports neither `suite.chapter` nor the command line.
"""
