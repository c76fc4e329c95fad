"""A fake framework on NumPy, with correct implementations, implementations with one error each, and failing ones."""
