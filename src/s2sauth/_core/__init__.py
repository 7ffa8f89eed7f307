"""Every decision about tokens: pure functions and values, standard library only, no I/O, clock or randomness."""
