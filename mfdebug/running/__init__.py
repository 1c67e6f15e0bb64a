"""A program that runs, seen from its debugger: it is started, let go on, asked, and left."""
