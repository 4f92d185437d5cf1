"""The closed loop: generate, gate, train, measure, feed back, generation after generation."""
