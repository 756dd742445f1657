"""Laws, searched for counterexamples."""
