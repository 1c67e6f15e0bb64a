"""Commands and keys at random, by the hundred thousand: nothing breaks, nothing grows."""
