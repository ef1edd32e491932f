"""The tests: unit, integration, acceptance; `lab` is the private Asterisk they and the demo use."""
