"""Questions about the next moment, asked before it is shown."""
