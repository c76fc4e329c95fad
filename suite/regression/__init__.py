"""Regression: baselines are recorded and compared with later results, to find what a release changed."""
