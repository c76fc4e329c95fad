"""The test inputs: tapes, tasks, data sets and the catalogue of conformance cases.

Pure data: it imports no framework, starts no process and knows nothing of results. It may import `reference`.
"""
