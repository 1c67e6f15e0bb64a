"""The run of a program: recorded in a file while it happens, and read back from there."""
