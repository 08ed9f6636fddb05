"""Drift: what a source sends is no longer what it used to send, and the finding says how.

A clean stretch of a source is learned (which fields, of what kind, how often, how large); what follows is compared with
it, and five things are named: a new field, a missing one, one of another kind, another cadence, and values that changed by
the factor between two known units (bar became psi, degrees became radians).

- `rows`: lines to rows of raw fields, before any contract looks at them; `kinds`: what a raw value is;
- `factors`: what values in one unit look like in another; `magnitude`: whether that is what happened to a field;
- `cadence`: how often a field's readings come, late ones in their place;
- `field`: one field's memory; `monitor`: one source's fields; `check`: a whole file. Only `check` opens files.

It reads what arrives, and changes nothing: readings go their way whatever is found here.
"""
