"""What the admin pages of all apps share: browsing large tables safely, and read-only."""
