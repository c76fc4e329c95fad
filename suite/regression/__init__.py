"""Regression: baselines are recorded and compared with later results, to find what a release changed.

It records by running `suite.run`, and does not import `suite.validation` or `suite.chapter`.
"""
