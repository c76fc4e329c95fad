"""How it is asked: environments, worker processes, the protocol between them, and the results store.

`worker` and `exercise` run in a framework's environment; `protocol` on both sides; everything else in the harness.
"""
