"""Transcripts: made by a recogniser or brought by a person, kept sealed, exported."""
