"""Reverse proxies that are not ours, run with the samples in conf/."""
