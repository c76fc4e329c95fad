"""What a replay means: the oracle's trace and bound beside an implementation's trace, and the verdict on each case."""
