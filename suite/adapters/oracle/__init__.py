"""The oracle, asked as a framework is: for its times, which stand beside theirs. It is NumPy alone."""
