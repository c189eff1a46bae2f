"""Room openspiel."""
