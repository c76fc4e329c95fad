"""Explains why a trace differs: the axis, number or known mistake that explains it, and the case that would decide."""
