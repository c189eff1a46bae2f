"""Programs of the package, run by absl flags."""
