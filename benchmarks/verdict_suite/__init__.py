"""Streams of trades made to fool whoever compares two engines, and what methods make of them: `make verdict-suite`."""
