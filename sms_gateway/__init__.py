"""The carrier: an SMPP 3.4 ESME, from a plain text message to its receipt."""
