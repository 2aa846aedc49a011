import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';

/** The keepers' own time zones. Berlin changes its clocks on other days than New York, and UTC never does. */
const ZONES = ['America/New_York', 'America/New_York', 'Europe/Berlin', 'UTC'];
const HALF_HOUR_MS = 30 * 60_000;

let db: TestDatabase;
let redis: OwnRedis;
const keepers: ChildProcess[] = [];
const ended: Promise<unknown>[] = [];

beforeAll(async () => {
  [db, redis] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
  await db.database.rows('CREATE TABLE moment (ms BIGINT NOT NULL)');
  await db.database.rows('CREATE TABLE checks (keeper VARCHAR(64), time_zone VARCHAR(64), ms BIGINT, ran TINYINT)');
  const prefix = randomPrefix();
  for (const TZ of ZONES) {
    const keeper = spawn(process.execPath, ['--import', 'tsx', 'app/roles/testing/keeper-at-moment.ts'], {
      env: {
        PATH: process.env['PATH'] ?? '',
        TZ,
        REDIS_URL: redis.url,
        MYSQL_URL: db.url,
        KEY_PREFIX: prefix,
        HOST: '127.0.0.1',
        ADMIN_PORT: '0',
        // The self-check of the sealed log has a schedule of the same kind, which would be recorded, too.
        AUDIT_MINUTES_MAX: '0',
        RECONCILIATION_CRON: '30 1,2 * * *',
        RECONCILIATION_TIME_ZONE: 'America/New_York',
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    keepers.push(keeper);
    ended.push(new Promise((resolve) => keeper.once('close', resolve)));
  }
});
afterAll(async () => {
  for (const keeper of keepers) keeper.kill('SIGKILL');
  await Promise.all(ended);
  await Promise.all([db.drop(), redis.stop()]);
});

/** Every keeper has completed a check of the schedule at this moment, and no run is in progress. */
async function allHaveChecked(ms: number): Promise<boolean> {
  const checked = await db.database.rows('SELECT DISTINCT keeper FROM checks WHERE ms = ?', [ms]);
  const running = await db.database.rows("SELECT 1 FROM job_leases WHERE holder <> ''");
  return checked.length === ZONES.length && running.length === 0;
}

it('reconciliation runs once per scheduled time while clocks change, with keepers in several time zones', async () => {
  // The nights in which New York loses 02:00 to 03:00, and has 01:00 to 02:00 twice.
  for (const night of ['2026-03-08T05:00:00Z', '2026-11-01T04:00:00Z']) {
    for (let step = 0; step < 9; step++) {
      const at = Date.parse(night) + step * HALF_HOUR_MS;
      await db.database.rows('DELETE FROM moment');
      await db.database.rows('INSERT INTO moment (ms) VALUES (?)', [at]);
      await until(`all keepers have checked at ${new Date(at).toISOString()}`, () => allHaveChecked(at));
    }
  }
  const reported = () => db.database.rows<{ ms: number }>('SELECT ms FROM checks WHERE ran = 1 ORDER BY ms');
  const reconciled = () => db.database.rows('SELECT 1 FROM reconciliations');
  await until('every run is reported', async () => (await reported()).length === (await reconciled()).length);
  const runs = await reported();
  expect(runs.map(({ ms }) => new Date(ms).toISOString().slice(0, 16))).toEqual([
    '2026-03-08T06:30',
    '2026-03-08T07:00',
    '2026-11-01T05:30',
    '2026-11-01T07:30',
  ]);
  const zones = await db.database.rows<{ zone: string }>(
    'SELECT MIN(time_zone) AS zone FROM checks GROUP BY keeper ORDER BY zone',
  );
  expect(zones.map(({ zone }) => zone)).toEqual([...ZONES].sort());
});
