"""The source code of a user's factory, which tests write to files."""

FACTORY_SOURCE = """
import numpy as np

def make(params, learning_rate, decay, epsilon):
    squares = [np.zeros_like(x) for x in params]
    def step(gradients):
        for x, g, v in zip(params, gradients, squares):
            v[...] = decay * v + (1 - decay) * g**2
            x -= learning_rate * g / np.sqrt(v + epsilon)
    return step
"""
