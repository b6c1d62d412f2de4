"""The review: a person decides over every proposal, reads every turn, and signs."""
