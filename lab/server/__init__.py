"""The intake server: stock OpenSSH that boxes can only upload to, and the mover."""
