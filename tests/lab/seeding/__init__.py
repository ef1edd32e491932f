"""A practice's history, made up: people, calls, texts and cases as the store would have them."""
