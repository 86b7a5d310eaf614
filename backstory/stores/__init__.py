"""The only SQL: what the house keeps, and the journal that nothing is lost from on the way there.

database.py    start here: `open_store(url)`; the list of databases
tables.py      the schema, once for all databases         migrations/  its versions       migrate.py  brings a database up to date
sql.py         the store, in SQL that all databases read
  rows.py      records to rows and back                   writing.py   what `write` takes in
  allowance.py  the side model's daily budget
  finding.py   which words a search looks for             forgetting.py  what `forget` takes out
  across.py    traces, pins, what one conversation may know of another       vector_rows.py  vectors by turn and model
dialect.py     what the databases do differently: the contract
sqlite.py      what SQLite does in its own way: connections, full text, compacting
postgres.py    the same of PostgreSQL   postgres_link.py  its connections   postgres_words.py  full text   postgres_vectors.py  pgvector
inbox.py       the append-only journal that an answered exchange is in before it is in the store
lanes.py       the threads on which all of it runs, away from the event loop

An exchange: `StoreLanes.append` (journal) -> the answer's last byte -> `submit` -> writer thread: `SqlStore.write` -> `Inbox.settled`.
"""
