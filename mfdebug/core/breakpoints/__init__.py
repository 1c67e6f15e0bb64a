"""What stops a run: breakpoints, conditions, changes and health rules."""
