"""The board: every box and every client's sessions at a glance, and what needs a person."""
