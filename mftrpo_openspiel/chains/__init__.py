"""Room chains."""
