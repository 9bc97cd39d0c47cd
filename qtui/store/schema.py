"""The tables and their migrations. `PRAGMA user_version` is the number of migrations applied to a file.

A migration is never changed once released: a change of the schema is a new entry at the end of the list.
"""

APPLICATION_ID = 0x71747569  # "qtui" in ASCII: distinguishes a store from another program's SQLite file

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE task_set (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        source TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE task (
        id INTEGER PRIMARY KEY,
        task_set_id INTEGER NOT NULL REFERENCES task_set(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,             -- 1-based, the order of the set
        input TEXT NOT NULL,
        reference TEXT NOT NULL,
        criteria TEXT NOT NULL,
        UNIQUE (task_set_id, position)
    );
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        experiment TEXT NOT NULL,
        plan TEXT NOT NULL,                    -- hash of everything the experiment resolved to
        definition TEXT NOT NULL,              -- the experiment's TOML, or what an import says of itself
        source TEXT NOT NULL CHECK (source IN ('run', 'import')),
        origin TEXT NOT NULL DEFAULT '',
        task_set_id INTEGER NOT NULL REFERENCES task_set(id),
        state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        request TEXT NOT NULL DEFAULT '',      -- what a user asked of the runner: '', cancel, pause
        created REAL NOT NULL,
        started REAL,
        ended REAL,
        UNIQUE (experiment, plan)
    );
    CREATE TABLE lease (
        run_id INTEGER PRIMARY KEY REFERENCES run(id) ON DELETE CASCADE,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        pid_started REAL NOT NULL,             -- start time of that process: a reused pid is not the same process
        heartbeat REAL NOT NULL
    );
    CREATE TABLE variant (
        id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        model TEXT NOT NULL,
        name TEXT NOT NULL,
        is_baseline INTEGER NOT NULL,
        engine TEXT NOT NULL,
        precision TEXT NOT NULL,
        weights TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        phase TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL DEFAULT '',
        expected INTEGER NOT NULL,
        conditions TEXT NOT NULL,              -- JSON: prompt, sampling, task_set; 'unknown' where an import does not know
        facts TEXT NOT NULL DEFAULT '{}',      -- JSON: what the worker measured and found out
        UNIQUE (run_id, model, name)
    );
    CREATE TABLE answer (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,              -- hash of everything that decided the content
        text TEXT NOT NULL,
        finish_reason TEXT NOT NULL,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        seconds REAL,
        created REAL NOT NULL
    );
    CREATE TABLE variant_answer (
        variant_id INTEGER NOT NULL REFERENCES variant(id) ON DELETE CASCADE,
        task_id INTEGER NOT NULL REFERENCES task(id),
        sample INTEGER NOT NULL,
        answer_id INTEGER NOT NULL REFERENCES answer(id),
        PRIMARY KEY (variant_id, task_id, sample)
    ) WITHOUT ROWID;
    CREATE INDEX variant_answer_by_answer ON variant_answer (answer_id);
    CREATE TABLE judge (
        id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        takes INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        settings TEXT NOT NULL,                -- JSON, without secrets
        state TEXT NOT NULL DEFAULT 'waiting',
        reason TEXT NOT NULL DEFAULT '',
        UNIQUE (run_id, label, fingerprint)
    );
    CREATE TABLE grade (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        answer_id INTEGER NOT NULL REFERENCES answer(id),
        task_id INTEGER NOT NULL REFERENCES task(id),
        judge TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        take INTEGER NOT NULL,
        grade INTEGER CHECK (grade BETWEEN 1 AND 5),   -- NULL is ungraded
        reason TEXT NOT NULL,
        seconds REAL,
        created REAL NOT NULL
    );
    CREATE INDEX grade_by_answer ON grade (answer_id, task_id);
    CREATE TABLE note (
        run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
        model TEXT NOT NULL,
        task_id INTEGER NOT NULL REFERENCES task(id),
        starred INTEGER NOT NULL DEFAULT 0,
        comment TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (run_id, model, task_id)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE divergence (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,              -- hash of the answer and of how both sides are computed
        answer_id INTEGER NOT NULL REFERENCES answer(id) ON DELETE CASCADE,   -- the baseline's
        baseline_weights TEXT NOT NULL,        -- fingerprints
        candidate_weights TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        kl BLOB NOT NULL,                      -- little-endian float32, one per token, in nats
        baseline_logp BLOB NOT NULL,
        candidate_logp BLOB NOT NULL,
        flags BLOB NOT NULL,                   -- a byte per token
        parting TEXT,                          -- JSON; NULL where the likeliest tokens are the same throughout
        created REAL NOT NULL
    );
    CREATE INDEX divergence_by_answer ON divergence (answer_id);
    CREATE TABLE variant_divergence (
        baseline_id INTEGER NOT NULL REFERENCES variant(id) ON DELETE CASCADE,
        candidate_id INTEGER NOT NULL REFERENCES variant(id) ON DELETE CASCADE,
        task_id INTEGER NOT NULL REFERENCES task(id),
        sample INTEGER NOT NULL,
        divergence_id INTEGER NOT NULL REFERENCES divergence(id) ON DELETE CASCADE,
        PRIMARY KEY (baseline_id, candidate_id, task_id, sample)
    ) WITHOUT ROWID;
    CREATE INDEX variant_divergence_by_divergence ON variant_divergence (divergence_id);
    CREATE INDEX variant_divergence_by_candidate ON variant_divergence (candidate_id);
    """,
    """
    CREATE TABLE made (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL,                   -- as the Models pane calls it
        type TEXT NOT NULL,                    -- of the GGUF file, e.g. Q4_K_M
        host TEXT NOT NULL,
        path TEXT NOT NULL,
        facts TEXT NOT NULL DEFAULT '{}',      -- JSON: sizes, and speed and memory where they were measured
        changed REAL NOT NULL,
        UNIQUE (model, type, host, path)
    );
    CREATE TABLE making (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('quantize', 'bench')),
        model TEXT NOT NULL,
        types TEXT NOT NULL,                   -- JSON list
        state TEXT NOT NULL DEFAULT 'running',
        phase TEXT NOT NULL DEFAULT '',
        fraction REAL,
        reason TEXT NOT NULL DEFAULT '',
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        pid_started REAL NOT NULL,
        started REAL NOT NULL,
        heartbeat REAL NOT NULL
    );
    """,
    """
    ALTER TABLE answer ADD COLUMN prompt_ids_hash TEXT NOT NULL DEFAULT '';   -- empty is unknown
    ALTER TABLE variant ADD COLUMN role TEXT NOT NULL DEFAULT 'candidate';    -- or baseline, control arm, noise floor
    UPDATE variant SET role = 'baseline' WHERE is_baseline;
    """,
    """
    CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started REAL NOT NULL,
        seen REAL NOT NULL,                    -- the runner's last heartbeat
        ended REAL,                            -- NULL while the runner works; a killed one's is set by the next attempt
        outcome TEXT NOT NULL DEFAULT '',      -- '' while ended is NULL; done, failed, cancelled, interrupted, nothing to do
        paused_seconds REAL NOT NULL DEFAULT 0,
        paused_since REAL                      -- NULL unless it is paused now
    );
    CREATE INDEX attempt_by_run ON attempt (run_id);
    """,
    """
    ALTER TABLE lease ADD COLUMN ends TEXT NOT NULL DEFAULT '[]';   -- JSON list: what else ends the runner, a job's end or a logout
    ALTER TABLE lease ADD COLUMN ends_at REAL;                      -- when at the latest; NULL where that is not known
    """,
    """
    ALTER TABLE run ADD COLUMN allows_cpu INTEGER NOT NULL DEFAULT 0;   -- the user accepts the CPU where a GPU cannot be used
    """,
    # Texts are split into thoughts and answer by the functions of `qtui.store.thoughts`. `outdated_grade` keeps what a judge gave
    # to a text with its thoughts. Grades of people and of imports stay: a person has told the two apart, and nobody can
    # grade again as the judge of an import did.
    """
    ALTER TABLE answer ADD COLUMN thinking TEXT NOT NULL DEFAULT '';           -- without tags
    ALTER TABLE answer ADD COLUMN whole TEXT;                                  -- thoughts and answer with tags; NULL if text is all
    ALTER TABLE answer ADD COLUMN thinking_tokens INTEGER;                     -- NULL is unknown
    ALTER TABLE answer ADD COLUMN thought_unfinished INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE outdated_grade (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        answer_id INTEGER NOT NULL REFERENCES answer(id),
        task_id INTEGER NOT NULL REFERENCES task(id),
        judge TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        take INTEGER NOT NULL,
        grade INTEGER,
        reason TEXT NOT NULL,
        seconds REAL,
        created REAL NOT NULL
    );
    UPDATE answer SET whole = text, thinking = text, text = '', thought_unfinished = 1
        WHERE NOT has_thoughts(text) AND id IN (
            SELECT answer_id FROM variant_answer WHERE variant_id IN (
                SELECT va.variant_id FROM variant_answer va JOIN answer ON answer.id = va.answer_id
                GROUP BY va.variant_id HAVING 2 * sum(begins_in_thought(answer.text)) > count(*)));
    UPDATE answer SET whole = text, thinking = thoughts_in(text), text = answer_in(text), thought_unfinished = ends_in_thought(text)
        WHERE has_thoughts(text);
    INSERT INTO outdated_grade
        SELECT id, key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds, created FROM grade
        WHERE answer_id IN (SELECT id FROM answer WHERE whole IS NOT NULL) AND judge <> 'human'
        AND (judge, fingerprint) NOT IN (SELECT label, fingerprint FROM judge WHERE json_extract(settings, '$.kind') IS NULL);
    DELETE FROM grade WHERE id IN (SELECT id FROM outdated_grade);
    ALTER TABLE run ADD COLUMN date TEXT NOT NULL DEFAULT '';                  -- the date that templates are told, as 2026-01-31
    UPDATE run SET date = date(coalesce((SELECT max(started) FROM attempt WHERE run_id = run.id), started, created), 'unixepoch',
        'localtime');
    """,
    """
    ALTER TABLE answer ADD COLUMN left_out TEXT NOT NULL DEFAULT '';   -- settings that the endpoint refused: names with commas
    ALTER TABLE judge ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';     -- JSON: how its endpoint is asked, as found out
    """,
    """
    ALTER TABLE grade ADD COLUMN left_out TEXT;      -- settings that the judge's endpoint refused: names with commas; NULL: unknown
    """,
    # A judge's scale is part of its settings, so the table of grades knows no bounds. What a grade cost is kept with it.
    """
    CREATE TABLE grade_of_any_scale (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        answer_id INTEGER NOT NULL REFERENCES answer(id),
        task_id INTEGER NOT NULL REFERENCES task(id),
        judge TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        take INTEGER NOT NULL,
        grade INTEGER,                         -- a number of the judge's scale; NULL is ungraded
        reason TEXT NOT NULL,
        seconds REAL,
        created REAL NOT NULL,
        requests INTEGER,                      -- sent for this grade, also in vain; NULL is unknown
        prompt_tokens INTEGER,                 -- of all its requests, as the endpoint counted; NULL is unknown
        cached_tokens INTEGER,                 -- those of prompt_tokens that the endpoint had in its cache
        completion_tokens INTEGER,
        left_out TEXT                          -- settings that the judge's endpoint refused: names with commas; NULL is unknown
    );
    INSERT INTO grade_of_any_scale
        (id, key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds, created, left_out)
        SELECT id, key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds, created, left_out FROM grade;
    DROP TABLE grade;
    ALTER TABLE grade_of_any_scale RENAME TO grade;
    CREATE INDEX grade_by_answer ON grade (answer_id, task_id);
    ALTER TABLE task ADD COLUMN category TEXT NOT NULL DEFAULT '';
    ALTER TABLE task ADD COLUMN subset TEXT NOT NULL DEFAULT '';     -- the task set it comes from, if the experiment has several
    ALTER TABLE task ADD COLUMN follows INTEGER;                     -- position of the turn before it in a conversation
    ALTER TABLE task ADD COLUMN expected TEXT NOT NULL DEFAULT '{}'; -- JSON: what scorers compare with, besides the reference
    """,
    # A score is computed from the answer alone, on this machine.
    """
    CREATE TABLE scorer (
        id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        settings TEXT NOT NULL,                -- JSON
        state TEXT NOT NULL DEFAULT 'waiting',
        reason TEXT NOT NULL DEFAULT '',
        UNIQUE (run_id, label, fingerprint)
    );
    CREATE TABLE score (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,              -- hash of the answer, the task and the scorer with its settings
        answer_id INTEGER NOT NULL REFERENCES answer(id),
        task_id INTEGER NOT NULL REFERENCES task(id),
        scorer TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        score REAL CHECK (score BETWEEN 0 AND 1),   -- NULL is unscored, with its reason
        reason TEXT NOT NULL,                  -- what was taken from the answer, or why there is no score
        created REAL NOT NULL
    );
    CREATE INDEX score_by_answer ON score (answer_id, task_id);
    ALTER TABLE answer ADD COLUMN choice_scores TEXT;   -- JSON: log-likelihood, tokens and characters of every choice
    """,
    # What is known of the task sets that a run loaded by name: the commit of the hub, the scorer, limits, the licence.
    """
    ALTER TABLE run ADD COLUMN task_set_facts TEXT NOT NULL DEFAULT '[]';   -- JSON: a list of TaskSetFacts
    """,
    # A batch of questions at an endpoint. Its row is written before each step that cannot be repeated, so that whoever opens the
    # store next, days later or on another machine, knows which questions are under way and where their replies are.
    """
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY,
        mark TEXT NOT NULL UNIQUE,             -- in the file's name and the batch's metadata at the endpoint
        run_id INTEGER REFERENCES run(id) ON DELETE SET NULL,   -- whose runner handles it
        judge TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        base_url TEXT,                         -- as in the judge's settings; NULL is OpenAI's server
        api_key_env TEXT NOT NULL,
        state TEXT NOT NULL,                   -- planned, uploading, uploaded, submitting, submitted, fetched, returned
        status TEXT NOT NULL DEFAULT '',       -- the endpoint's word, when it was last seen
        reason TEXT NOT NULL DEFAULT '',       -- why it was not worked on whole
        file_id TEXT NOT NULL DEFAULT '',
        batch_id TEXT NOT NULL DEFAULT '',     -- the endpoint's
        requests INTEGER NOT NULL,
        completed INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        submitted REAL,
        seen REAL,                             -- when the endpoint last said how it is
        is_cancelled INTEGER NOT NULL DEFAULT 0   -- by the user of qtui
    );
    CREATE INDEX batch_by_judge ON batch (judge, fingerprint, state);
    CREATE INDEX batch_by_run ON batch (run_id);
    CREATE TABLE batch_question (
        id INTEGER PRIMARY KEY,
        batch INTEGER NOT NULL REFERENCES batch(id) ON DELETE CASCADE,
        key TEXT NOT NULL,                     -- of the grade; the custom_id of its request
        asked TEXT NOT NULL,                   -- the key that is asked: another one if an equal answer has the same grade
        answer_id INTEGER NOT NULL REFERENCES answer(id),
        task_id INTEGER NOT NULL REFERENCES task(id),
        take INTEGER NOT NULL,
        outcome TEXT NOT NULL DEFAULT '',      -- '' while open, graded, ungraded, again (a reply in vain), returned (not worked on)
        reason TEXT NOT NULL DEFAULT '',
        requests INTEGER,                      -- as in the table grade
        prompt_tokens INTEGER,
        cached_tokens INTEGER,
        completion_tokens INTEGER,
        UNIQUE (batch, key)
    );
    CREATE INDEX batch_question_by_key ON batch_question (key);
    CREATE INDEX batch_question_by_answer ON batch_question (answer_id, task_id);
    """,
    # Which of two answers a judge prefers: a row per order in which it is asked.
    """
    CREATE TABLE preference (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,              -- hash of both answers in this order, the task, the judge's settings, the take
        first_id INTEGER NOT NULL REFERENCES answer(id),
        second_id INTEGER NOT NULL REFERENCES answer(id),
        task_id INTEGER NOT NULL REFERENCES task(id),
        judge TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        take INTEGER NOT NULL,
        choice TEXT CHECK (choice IN ('first', 'second', 'tie')),   -- NULL is unjudged
        reason TEXT NOT NULL,
        seconds REAL,
        created REAL NOT NULL,
        requests INTEGER,                      -- as in the table grade
        prompt_tokens INTEGER,
        cached_tokens INTEGER,
        completion_tokens INTEGER,
        left_out TEXT
    );
    CREATE INDEX preference_by_answers ON preference (first_id, second_id, task_id);
    ALTER TABLE batch_question ADD COLUMN second_id INTEGER REFERENCES answer(id);   -- NULL unless two answers are compared
    """,
    # Whoever stops when a figure says enough needs figures that hold at any time.
    """
    ALTER TABLE judge ADD COLUMN may_stop_early INTEGER NOT NULL DEFAULT 0;   -- it was asked until its verdicts were reached
    """,
    # Two runs at once compute an answer that both need once. A claim counts as long as its run has a runner that works (its lease).
    """
    CREATE TABLE claim (
        key TEXT NOT NULL,                     -- of an answer that is missing
        run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,   -- whose runner computes it now
        PRIMARY KEY (key, run_id)
    ) WITHOUT ROWID;
    CREATE INDEX claim_by_run ON claim (run_id);
    """,
)
