"""What a release changed: baselines are recorded, and what is computed now is held against them."""
