"""Withdrawal: a client takes the consent back, and everything of theirs is destroyed."""
