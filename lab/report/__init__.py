"""The report on one session: a page that says whether it is good, and why."""
