"""A results folder: its rows and their store, the provenance of a run, and the known deviations.

It does not know how results are computed, and imports neither `reports` nor `suite.compare`.
"""
