"""The audit run: years of orders archived, verified everywhere alike, damaged and forged."""
