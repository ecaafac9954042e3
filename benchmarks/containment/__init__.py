"""A proof that a sceptic can run: no raw frame leaves the program that decoded it. See docs/containment.md."""
