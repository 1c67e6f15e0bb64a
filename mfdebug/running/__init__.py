"""The debugger's side of a running program: start it, resume it, question it, end it."""
