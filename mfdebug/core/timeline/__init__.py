"""The timeline of moments, the cursor on it, and the state at a moment."""
