"""Every performance claim of the README, measured in one run beside a named peer or floor."""
