"""The detector of machine-made text: how a text is read, the models that look at it, and the shipped weights."""
