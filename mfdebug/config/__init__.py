"""Settings, key bindings, and what the terminal can show."""
