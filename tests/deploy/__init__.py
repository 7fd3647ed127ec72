"""What lies in `deploy/`: it fits the product, and the tools it is for take it."""
