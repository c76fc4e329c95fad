"""Time a step of `tf.keras.optimizers.RMSprop` with a plain loop that uses nothing of this project.

    python minimal_loop.py SIZE THREADS

It prints `ready`, then reads numbers of steps, one on a line, and prints the seconds that each number of steps took.
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import tensorflow as tf

size, threads = map(int, sys.argv[1:])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
x = tf.Variable(tf.random.uniform((size,)))
gradient = tf.random.uniform((size,)) + 0.1
optimizer = tf.keras.optimizers.RMSprop(learning_rate=0.01, rho=0.9, epsilon=1e-6)
optimizer.apply_gradients([(gradient, x)])
print("ready", flush=True)  # noqa: T201
for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(int(line)):
        optimizer.apply_gradients([(gradient, x)])
    print(time.perf_counter() - begin, flush=True)  # noqa: T201
