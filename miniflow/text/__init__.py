"""Text for people: lists, characters, graphs."""
