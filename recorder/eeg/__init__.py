"""Headsets: real ones through BrainFlow, played back and simulated ones."""
