"""The bench test: is this box fit for a therapist? Every part gets pass, warn or fail."""
