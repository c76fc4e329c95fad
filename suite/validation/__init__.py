"""The suite proves itself: what is wrong is told from what is right, and what is right is never called wrong.

`matrix` gives the judge what is wrong (mutants of dialects, and mistakes); `soundness` what is right, in any order of
operations.
"""
