"""The schema's history, run by Alembic. Rule: a version that has shipped is never edited; a change is a new version."""
