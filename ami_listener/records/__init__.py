"""What Asterisk wrote down of its calls: CEL and CDR files, read after an outage."""
