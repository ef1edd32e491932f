"""The web side: health and metrics now, the inbox pages later."""
