"""Plots as text: ticks, curves in braille dots, and axes."""
