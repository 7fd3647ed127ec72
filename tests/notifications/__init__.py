"""Who is told of what happened, when and how often; by a receiver of the tests' own."""
