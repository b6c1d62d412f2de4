"""The therapist's screen: draws what the recorder tells, holds nothing of a recording."""
