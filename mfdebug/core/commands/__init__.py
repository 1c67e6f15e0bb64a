"""The command language: every key, prompt line, script and batch run goes through it."""
