"""The debugger: time, history, stops and words. It knows no screen."""
