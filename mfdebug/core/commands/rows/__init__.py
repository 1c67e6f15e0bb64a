"""The rows of the command table, by purpose: what a command is called, takes and says."""
