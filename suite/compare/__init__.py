"""Compares traces with the oracle's: errors, rounding bounds, the growth of an error, fingerprints.

It starts no process and imports neither `suite.diagnosis` nor `suite.conformance`.
"""
