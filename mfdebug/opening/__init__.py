"""Open a graph, a program or a run by its name on the command line."""
