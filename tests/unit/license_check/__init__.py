"""Coverage, units, determination and the ledger."""
