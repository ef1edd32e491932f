"""Style and types, as tests: one run and one summary say whether all is well."""
