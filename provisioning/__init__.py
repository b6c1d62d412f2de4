"""The technician's commands: they make and revoke boxes and hold no decryption key."""
