"""A database that an earlier version has written, which this one has to take over."""
