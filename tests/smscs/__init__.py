"""SMSCs that are not ours: servers on npm's `smpp` and on Debian's Net::SMPP, run by the tests."""
