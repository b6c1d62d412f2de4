"""From the box to the lab: sends signed sessions, obeys receipts, takes renewals."""
