"""DuckDB as the curation uses it: bounded, and silent."""

from headwater.curate.bounded_duckdb import bounded_duckdb


def test_no_progress_bar_of_its_own_where_it_is_a_session_at_the_keyboard(tmp_path, monkeypatch):
    import __main__

    monkeypatch.delattr(__main__, "__file__", raising=False)  # what it tells a session by
    with bounded_duckdb(tmp_path, 64) as connection:
        found = connection.execute("SELECT value FROM duckdb_settings() WHERE name = 'enable_progress_bar'").fetchone()
        assert found == ("false",)
        limit = connection.execute("SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'").fetchone()
        assert limit == ("61.0 MiB",)
