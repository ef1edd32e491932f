"""The laboratory: a private Asterisk, a SIP user agent, the call matrix; for tests and the demo."""
