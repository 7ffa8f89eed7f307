"""The hooks: one set of rules for every HTTP library, and a thin adapter for each."""
