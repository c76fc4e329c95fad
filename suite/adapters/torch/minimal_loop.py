"""A step of `torch.optim.RMSprop` as anyone would time it, with nothing of ours: a loop, and a clock around it.

python bare.py SIZE THREADS     reads numbers of loops, a line each; prints the seconds of each
"""

import sys
import time

import torch

size, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
x = torch.rand(size).requires_grad_()
x.grad = torch.rand(size) + 0.1
# foreach=False is what the default comes to here; to find that out takes torch 3 µs a step
optimizer = torch.optim.RMSprop([x], lr=0.01, alpha=0.9, eps=1e-6, foreach=False)
optimizer.step()
print("ready", flush=True)  # noqa: T201
for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(int(line)):
        optimizer.step()
    print(time.perf_counter() - begin, flush=True)  # noqa: T201
