"""The Textual app: the screens and widgets of the debugger."""
