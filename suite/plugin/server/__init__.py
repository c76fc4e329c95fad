"""The server that the plugin starts: it holds the oracle and compares a user's optimizer with it.

It runs in a process of its own and needs NumPy, safetensors and packaging in the versions that the user has. Only the
plugin's client starts it; nothing imports it.
"""
