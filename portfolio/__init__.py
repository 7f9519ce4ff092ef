"""What people hold and what it is worth."""
