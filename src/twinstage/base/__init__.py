"""The ground floor: errors, the plug-in registry, unit and clock protocols, the query language. Standard library only."""
