"""What trades earn, which reports can be true, how trades compare.

Pure: no database, no clock, no randomness; the time is an argument wherever it matters.
"""
