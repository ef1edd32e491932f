"""The schema steps, oldest first."""
