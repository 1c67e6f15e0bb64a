"""Characters: what no moment changes, and what a moment does."""
