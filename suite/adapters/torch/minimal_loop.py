"""Time a step of `torch.optim.RMSprop` with a plain loop that uses nothing of this project.

    python minimal_loop.py SIZE THREADS

It prints `ready`, then reads numbers of steps, one on a line, and prints the seconds that each number of steps took.
"""

import sys
import time

import torch

size, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
x = torch.rand(size).requires_grad_()
x.grad = torch.rand(size) + 0.1
# foreach=False is what the default selects here; to find that out takes torch 3 µs at each step
optimizer = torch.optim.RMSprop([x], lr=0.01, alpha=0.9, eps=1e-6, foreach=False)
optimizer.step()
print("ready", flush=True)  # noqa: T201
for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(int(line)):
        optimizer.step()
    print(time.perf_counter() - begin, flush=True)  # noqa: T201
