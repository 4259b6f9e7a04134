"""Models: recipes, the training loop, checkpoints, tracking and rented compute."""
