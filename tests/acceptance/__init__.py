"""The product as a whole: a real Asterisk, the real daemon, SMSCs that are not ours."""
