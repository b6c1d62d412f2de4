"""The lab: the only code that decrypts recordings."""
