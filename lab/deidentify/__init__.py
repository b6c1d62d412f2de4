"""Find what could tell who a client is; propose only, a person decides."""
