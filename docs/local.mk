# Documents and examples.
