"""Time a step of `gluon.Trainer` with a plain loop that uses nothing of this project.

    python minimal_loop.py SIZE THREADS

It prints `ready`, then reads numbers of steps, one on a line, and prints the seconds that each number of steps took.
MXNet takes the number of threads from the environment. The trainer refuses to use a gradient twice, so each step marks
the gradient as new.
"""

import sys
import time
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import mxnet as mx

size, threads = map(int, sys.argv[1:])
x = mx.gluon.Parameter("x_weight", shape=(size,))
x.initialize(mx.init.Uniform(1))
x.grad()[:] = mx.nd.random.uniform(0.1, 1, (size,))
trainer = mx.gluon.Trainer([x], "rmsprop", {"learning_rate": 0.01, "epsilon": 1e-6}, kvstore=None)
x.data()._fresh_grad = True
trainer.step(1)
mx.nd.waitall()
print("ready", flush=True)  # noqa: T201
for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(int(line)):
        x.data()._fresh_grad = True
        trainer.step(1)
    mx.nd.waitall()
    print(time.perf_counter() - begin, flush=True)  # noqa: T201
