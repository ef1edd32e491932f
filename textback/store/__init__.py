"""The store: what was seen, decided, sent and answered, on disk."""
