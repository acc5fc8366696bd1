"""Forms (what a call takes) and shapes (what it gives, for the schema)."""
