"""Floor 1: values. No I/O, no wire format, no SQL; nothing here imports from another room but `errors`."""
