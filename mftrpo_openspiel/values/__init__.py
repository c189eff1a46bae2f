"""Room values."""
