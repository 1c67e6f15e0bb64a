"""The Textual app: screens and widgets over one debugger."""
