"""Explains why a trace differs: the axis, number or known mistake that explains it, and the case that would decide.

It starts no process, and does not import `suite.conformance`, which calls it.
"""
