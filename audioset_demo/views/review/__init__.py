"""The page *Recordings*: finds are heard one after the other, answered, and looked at together."""
