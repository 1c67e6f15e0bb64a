"""What the network answers: over the plane of its inputs, along its input, or by class."""
