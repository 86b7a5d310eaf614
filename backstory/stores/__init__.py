"""The only SQL: what the house keeps, and the journal that nothing is lost from on the way there.

database.py    start here: `open_store(url)`; the list of databases
tables.py      the schema, once for all databases         migrations/  its versions       migrate.py  brings a database up to date
sql.py         the store, in SQL that all databases read
  rows.py      records to rows and back                   writing.py   what `write` takes in
  allowance.py  the side model's daily budget
  finding.py   which words a search looks for             forgetting.py  what `forget` takes out
sqlite.py      what SQLite does in its own way: connections, full text, compacting
inbox.py       the append-only journal that an answered exchange is in before it is in the store
lanes.py       the threads on which all of it runs, away from the event loop

An exchange: `StoreLanes.append` (journal) -> the answer's last byte -> `submit` -> writer thread: `SqlStore.write` -> `Inbox.settled`.
"""
