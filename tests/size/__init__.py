"""How much a reader has to hold in mind, in figures: `python -m tests.size`. Nothing is enforced."""
