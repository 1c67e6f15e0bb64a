"""From a name on the command line to a graph or a run."""
