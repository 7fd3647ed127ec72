"""How a signal becomes a decision, and whether a stored one follows from its inputs.

Pure: no database, no I/O, no clock, no randomness; what is remembered is a function of what it is remembered for.
"""
