"""What others build for the same work; each stores exactly the rows that the product stores."""
