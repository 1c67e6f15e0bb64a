"""A running program to be debugged: its passes are recorded, and stepped from the record."""
