"""Runs implementations in the environments of their frameworks: environments, worker processes and their protocol.

The `coordinator` starts a worker process for each framework: `worker.py`, by path, in the framework's environment.
`worker`, `replay` and `timer` are its side; `protocol` and `arrays` are used on both sides; the other modules run in
the harness. The worker's side runs on CPython 3.9 with NumPy and safetensors, and imports `reference` and
`suite.adapters` besides. No module here knows which result is expected. Nothing here may import results, comparisons,
or anything that comes after them.

What can go wrong:

    environment   no interpreter for a framework                              environments.EnvironmentMissing
                  its requirements can't be installed                         environments.NotInstalled
    handshake     the framework can't be imported, or has no such device      protocol.WorkerRefused
    a request     no response in time                                         protocol.WorkerTimeout
                  the process ended: crash, signal, out of memory             protocol.WorkerCrashed
                  a line that is not a response to the request                protocol.ProtocolError
    a response    computed from other data than were sent                     protocol.DataMismatch

All of these are `protocol.WorkerError`. Each costs the rows that were requested, and the run continues.
"""
