"""The kinds of question: each module returns those that can be asked about a moment."""
