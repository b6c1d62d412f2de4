"""The dataset: verified sessions as a BIDS tree that others can load and trust."""
