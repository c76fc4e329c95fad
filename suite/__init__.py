"""The suite: test cases (`cases`), adapters of the frameworks (`adapters`), worker processes (`workers`), and checks.

Nothing is imported here, because a worker imports this package in a framework's environment, which has few of the
harness's dependencies.
"""
