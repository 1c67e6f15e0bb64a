"""Where every box, wire and number is."""
