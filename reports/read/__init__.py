"""Reads a results folder. Its content is untrusted: whatever does not have the declared type is missing."""
