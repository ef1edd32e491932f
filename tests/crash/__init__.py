"""Kill -9 and cut connections under load, and count what was sent, doubled, uncertain and lost."""
