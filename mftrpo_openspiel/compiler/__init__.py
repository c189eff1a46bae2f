"""Room compiler."""
