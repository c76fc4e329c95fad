"""PyTorch. `torch.optim.RMSprop` keeps ε outside the root and η outside the buffer; its γ is `alpha`."""

import torch

# TF32 would round the factors of float32 matrix products to 11 bits, and part a GPU's gradients from a CPU's.
torch.set_float32_matmul_precision("highest")
torch.backends.cudnn.allow_tf32 = False
