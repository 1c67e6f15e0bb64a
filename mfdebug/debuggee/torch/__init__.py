"""The taps of a program that uses PyTorch: they note functions, gradients and names.

The program's own torch is used; nothing is imported before the program imports it. Rows come from a
torch function mode, gradients from hooks on the nodes of the real engine, scopes from the frames of
the modules' calls.
"""
