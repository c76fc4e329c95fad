"""The suite: what is asked (`cases`), who answers (`adapters`), how it is asked (`runner`), what the answers mean.

Nothing is imported here: a worker runs inside a framework's environment, which has next to none of the harness's
dependencies.
"""
