"""The tiny models that ship with the repository: building, training and evaluation."""
