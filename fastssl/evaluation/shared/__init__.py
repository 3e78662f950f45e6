"""What every evaluation shares."""
