"""A fake framework, made of NumPy: implementations that are right, that are wrong in one way each, or that fail."""
