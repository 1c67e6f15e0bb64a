"""The language of `print`, watches and conditions."""
