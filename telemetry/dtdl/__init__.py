"""DTDL v3 (and v2) models, turned into the beginning of a contract.

- `units`: names of the QuantitativeTypes extension, as UCUM codes;
- `model`: interfaces of a file, with what they inherit and what their components bring, as flat channels;
- `draft`: channels as the text of a contract, and notes of all that a contract has no place for.

Only `model.read_models` opens a file.
"""
