"""A framework made of NumPy, with implementations that are right, wrong in one way each, or ill-behaved."""
