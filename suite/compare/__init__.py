"""Compares a trace with the oracle's: errors, rounding bounds, error growth, fingerprints. It starts no process."""
