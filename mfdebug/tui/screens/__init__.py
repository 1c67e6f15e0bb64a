"""The screens, one per file, and what they show of replies."""
