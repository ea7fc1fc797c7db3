"""The tiny models that ship with the repository: how they are built, trained and measured."""
