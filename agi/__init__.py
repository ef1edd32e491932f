"""Asterisk asks us: the FastAGI side (dialplan hooks)."""
