"""Which licenses could cover a line (determine), and who may draw on them (the ledger)."""
