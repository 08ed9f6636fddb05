"""Alarms in the words of ISA-18.2: conditions of the contract, a state machine for each, what operators do, and floods.

- `spec`: what a contract says; `conditions`: where they hold, in columns;
- `machine`: one alarm's states; `engine`: all of them, fed once a tick; `flood`: how many are too many;
- `journal`: what happened, as plain records.

Pure: time comes in as an argument, nothing is sent from here (`telemetry.sinks` sends).
"""
