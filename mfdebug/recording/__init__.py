"""The run of somebody else's program: written down as it happens, read back as often as wanted."""
