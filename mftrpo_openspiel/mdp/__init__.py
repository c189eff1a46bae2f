"""Room mdp."""
