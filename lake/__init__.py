"""What we hold: records, media, packs, tables, versions, lineage, state, ledger and audit."""
