"""Other people's backtesters and their ways to follow live bars, each with the same strategy on the same bars."""
