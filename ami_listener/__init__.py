"""Asterisk tells us: the AMI side, from bytes on the socket to facts about calls."""
