"""Files from an enemy, by the thousand: each is loaded, or refused with one clear error."""
