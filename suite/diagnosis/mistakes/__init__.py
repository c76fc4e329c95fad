"""Evaluations of RMSProp with one part wrong, for mutation testing and for identifying an optimizer.

What they compute is independent of the oracle: `reference` is imported for the types of the input alone.
"""
