"""Training: the objective, the compiled epoch, the loop with its callbacks, the model and its file."""
