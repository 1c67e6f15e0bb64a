"""mfdebug: a step-through debugger for backpropagation, in the terminal."""

__version__ = "0.2.0"
