"""Releases: the dataset as others get it, numbered, checked and never changed."""
