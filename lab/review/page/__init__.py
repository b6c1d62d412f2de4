"""The files of the review page."""
