"""What an alert means. Pure: no I/O, no clock, no randomness; every module here is a function of its arguments."""
