-- A database of schema 1 (`sqlite3 comfygate.db .dump`): one job that waits,
-- one in work, one that succeeded, one that was canceled.
BEGIN TRANSACTION;
CREATE TABLE jobs ( seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, endpoint TEXT NOT NULL, version INTEGER NOT NULL, phase INTEGER NOT NULL, cancel_asked INTEGER NOT NULL DEFAULT 0, pool TEXT NOT NULL, priority INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, max_attempts INTEGER NOT NULL, prompt_id TEXT, backend TEXT, avoid TEXT, not_before INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, deadline_at INTEGER, keep_ms INTEGER NOT NULL, files_until INTEGER, files_gone INTEGER NOT NULL DEFAULT 0, reused INTEGER NOT NULL DEFAULT 0, idempotency_key TEXT, request_hash TEXT, reuse_key TEXT, problem TEXT, outputs TEXT, inputs TEXT NOT NULL) STRICT;
INSERT INTO jobs VALUES(1,'0193a1f2-0000-7000-8000-000000000001','me','portrait',1,0,0,'default',0,0,3,NULL,NULL,NULL,0,1732500000000,NULL,NULL,4102444800000,3600000,NULL,0,0,NULL,NULL,NULL,NULL,NULL,'{"steps":1}');
INSERT INTO jobs VALUES(2,'0193a1f2-0000-7000-8000-000000000002','me','portrait',1,2,0,'default',0,1,3,'5d0c9a4e-3a55-4c7b-9d0a-0f7f5f6f0001','gpu',NULL,0,1732500000001,1732500000002,NULL,4102444800000,3600000,NULL,0,0,NULL,NULL,NULL,NULL,NULL,'{"steps":2}');
INSERT INTO jobs VALUES(3,'0193a1f2-0000-7000-8000-000000000003','me','portrait',1,4,0,'default',0,1,3,'5d0c9a4e-3a55-4c7b-9d0a-0f7f5f6f0002','gpu',NULL,0,1732500000003,1732500000004,1732500000005,NULL,3600000,1732503600005,0,0,NULL,NULL,NULL,NULL,'{}','{"steps":3}');
INSERT INTO jobs VALUES(4,'0193a1f2-0000-7000-8000-000000000004','me','portrait',1,6,0,'default',0,0,3,NULL,NULL,NULL,0,1732500000006,NULL,1732500000007,NULL,3600000,NULL,0,0,NULL,NULL,NULL,NULL,NULL,'{"steps":4}');
CREATE TABLE work ( seq INTEGER PRIMARY KEY, prompt TEXT NOT NULL, recipe TEXT NOT NULL) STRICT;
INSERT INTO work VALUES(1,'{"1":{}}','{"outputs":[]}');
INSERT INTO work VALUES(2,'{"2":{}}','{"outputs":[]}');
CREATE INDEX jobs_queue ON jobs (pool, priority DESC, seq) WHERE phase = 0;
CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE phase = 0;
CREATE INDEX jobs_later ON jobs (not_before) WHERE phase = 0 AND not_before > 0;
CREATE INDEX jobs_owner ON jobs (owner, seq);
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL AND files_until IS NULL;
CREATE INDEX jobs_files ON jobs (files_until) WHERE files_until IS NOT NULL;
CREATE UNIQUE INDEX jobs_key ON jobs (owner, endpoint, version, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_reuse ON jobs (reuse_key, seq) WHERE reuse_key IS NOT NULL AND phase = 4;
PRAGMA user_version=1;
COMMIT;
