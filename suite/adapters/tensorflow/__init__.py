"""TensorFlow. Its RMSProps keep ε inside the root and η inside the buffer; γ is `rho`, or `decay` in the oldest."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, on import
os.environ["KERAS_BACKEND"] = "tensorflow"  # with any other, `tf.keras` is missing

import tensorflow as tf

# TF32 would round the factors of float32 matrix products to 11 bits, and part a GPU's gradients from a CPU's.
tf.config.experimental.enable_tensor_float_32_execution(False)
tf.get_logger().setLevel("ERROR")  # each `tf.function` is one of many to it, and it warns of retracing
