"""Room utils."""
