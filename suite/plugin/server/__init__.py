"""What a user's own optimizer is held against, in a process of its own: `rmsuite`'s plugin asks, this answers.

Nothing is imported here. Beside the house it needs NumPy, safetensors and packaging, in what versions the user has.
"""
