"""Which RMSProp is this? Asked of an optimizer that claims nothing, by questions that are designed one after another.

Knows the oracle and agreement; of frameworks, files and processes it knows nothing.
"""
