"""The smallest importer, as an example and for tests."""
