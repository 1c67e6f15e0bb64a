"""The cost against the parameters, with the path of the SGD steps on it."""
