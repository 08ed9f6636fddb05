"""The ground floor: errors, the plug-in registry, unit and clock protocols. Standard library only."""
