-- Writers and tokens are interned: the rows of feed and carried, eight and more a document, hold small integers.
CREATE TABLE writers (
    no   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE,
    last INTEGER NOT NULL          -- highest seq ever committed, also where the document has since moved on
);

CREATE TABLE tokens (
    no   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- The small columns of a document. Bodies stand apart, so that finding, counting and comparing revs touch no body page.
CREATE TABLE docs (
    no      INTEGER PRIMARY KEY,
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    rev     INTEGER NOT NULL,
    writer  INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    removed TEXT    NOT NULL,
    tokens  BLOB,                  -- codec.go: present tokens by name
    lefts   BLOB,                  -- codec.go: left tokens, position, time
    fields  TEXT,                  -- JSON object of text and integers; declared indexes extract from it
    UNIQUE (kind, id)
);

-- A position names one document. The store's own documents have none (seq 0).
CREATE UNIQUE INDEX docs_position ON docs (writer, seq) WHERE seq > 0;

CREATE TABLE bodies (
    no         INTEGER PRIMARY KEY,
    body       BLOB,
    restricted BLOB,
    memory     BLOB
);

-- Where a document is found by Range: one row for each token that it carries or left, at its present position.
CREATE TABLE feed (
    token  INTEGER NOT NULL,
    writer INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    no     INTEGER NOT NULL,
    PRIMARY KEY (token, writer, seq)
) WITHOUT ROWID;

-- Which living documents carry a token. Unlike feed it does not change when a document is rewritten with the same
-- tokens, so a scan in the order of no is undisturbed by writers.
CREATE TABLE carried (
    token INTEGER NOT NULL,
    no    INTEGER NOT NULL,
    PRIMARY KEY (token, no)
) WITHOUT ROWID;
