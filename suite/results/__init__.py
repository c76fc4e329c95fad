"""A results folder: its rows and their store, the provenance of a run, and the known deviations."""
