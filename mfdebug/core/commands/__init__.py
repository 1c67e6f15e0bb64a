"""The command language, used by every key, prompt line, script and batch run."""
