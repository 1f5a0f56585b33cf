//! The statements of a refresh, sent by Postgres' own load generator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Outcome, process};

/// What the server sends for a refresh: the family, its member, the rotation. Each client has a family of its own.
const STATEMENTS: &str = r"
\set generation :generation + 1
SELECT sid, tenant_id, subject, client_id, scopes, binding, binding_digest, generation, current_pepper_id, current_mac,
  previous_pepper_id, previous_mac, sealed, signing_kid, created_at, rotated_at, expires_at, ends_at, ended_at, end_reason,
  seen_network, seen_user_agent
  FROM refresh_families WHERE sid = lpad(to_hex(CAST(:client_id AS int)), 32, '0')::uuid LIMIT 1;
SELECT users.email, users.email_verified_at, users.state, users.token_epoch, memberships.role, tenants.state, tenants.token_epoch
  FROM memberships INNER JOIN tenants ON tenants.id = memberships.tenant_id INNER JOIN users ON users.id = memberships.user_id
  WHERE memberships.tenant_id = :tenant AND memberships.user_id = :user LIMIT 1;
UPDATE refresh_families SET generation = generation + 1, previous_pepper_id = '1',
  previous_mac = decode(lpad(to_hex(CAST(:generation AS int) - 1), 64, '0'), 'hex'), current_pepper_id = '1',
  current_mac = decode(lpad(to_hex(CAST(:generation AS int)), 64, '0'), 'hex'), sealed = :sealed, signing_kid = signing_kid,
  rotated_at = now(), expires_at = now() + interval '30 days', seen_network = '127.0.0.0', seen_user_agent = 'pgbench'
  WHERE sid = lpad(to_hex(CAST(:client_id AS int)), 32, '0')::uuid AND current_pepper_id = '1'
  AND current_mac = decode(lpad(to_hex(CAST(:generation AS int) - 1), 64, '0'), 'hex') AND ended_at IS NULL;
";

/// Gives each client a family of its own, as the first one's copy; the next run's clients begin where these begin.
const PREPARE: &str = "
DELETE FROM refresh_families WHERE sid < '00000000-0000-0000-0001-000000000000';
INSERT INTO refresh_families SELECT (jsonb_populate_record(one.family, jsonb_build_object(
  'sid', lpad(to_hex(client), 32, '0'), 'current_pepper_id', '1', 'current_mac', '\\x' || lpad('0', 64, '0')))).*
  FROM (SELECT family FROM refresh_families AS family ORDER BY created_at LIMIT 1) AS one, generate_series(0, 63) AS client;
";

/// Postgres' own programs, and the database that they are let loose on.
pub(super) struct Pgbench {
    folder: PathBuf,
    url: String,
    script: PathBuf,
    /// What the server's statements carry, as `name=value`.
    values: [String; 3],
}

impl Pgbench {
    /// `folder` holds `psql` and `pgbench`.
    pub(super) fn new(folder: PathBuf, url: &str, scratch: &Path) -> Outcome<Self> {
        let script = scratch.join("refresh.sql");
        fs::write(&script, STATEMENTS)?;
        let mut pgbench = Self {
            folder,
            url: url.to_owned(),
            script,
            values: Default::default(),
        };
        let place = pgbench.ask("SELECT tenant_id || ' ' || user_id FROM memberships LIMIT 1")?;
        let (tenant, user) = place
            .trim()
            .split_once(' ')
            .ok_or("nobody is a member of anything")?;
        let sealed = pgbench.ask("SELECT encode(sealed, 'hex') FROM refresh_families LIMIT 1")?;
        pgbench.values = [
            format!("tenant={tenant}"),
            format!("user={user}"),
            format!("sealed=\\x{}", sealed.trim()),
        ];
        Ok(pgbench)
    }

    fn ask(&self, statements: &str) -> Outcome<String> {
        process::output(
            Command::new(self.folder.join("psql"))
                .args([
                    "--no-psqlrc",
                    "--quiet",
                    "--tuples-only",
                    "--no-align",
                    "--set",
                    "ON_ERROR_STOP=1",
                ])
                .args(["--command", statements])
                .arg(&self.url),
        )
    }

    /// Transactions in this time, by this many clients.
    pub(super) fn run(&self, clients: usize, time: Duration) -> Outcome<u64> {
        self.ask(PREPARE)?;
        let report = process::output(
            Command::new(self.folder.join("pgbench"))
                .args([
                    "--no-vacuum",
                    "--protocol",
                    "prepared",
                    "--define",
                    "generation=0",
                ])
                .args(
                    self.values
                        .iter()
                        .flat_map(|define| ["--define", define.as_str()]),
                )
                .args([
                    "--client",
                    &clients.to_string(),
                    "--time",
                    &time.as_secs().to_string(),
                ])
                .arg("--file")
                .arg(&self.script)
                .arg(&self.url)
                .stdin(Stdio::null()),
        )?;
        let said = report
            .lines()
            .find_map(|line| line.strip_prefix("number of transactions actually processed: "))
            .ok_or_else(|| format!("pgbench did not say what it did:\n{report}"))?;
        Ok(said.trim().parse()?)
    }
}
