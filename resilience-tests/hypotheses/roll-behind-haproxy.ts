import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migrate } from '../../app/mysql/schema/data-source.ts';
import { mysqlUrl } from '../../devstack/stores/mariadb.mjs';
import { Cluster } from '../../verification/harness/cluster.ts';
import { now, sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { Haproxy } from '../harness/haproxy.ts';
import type { Ground, Hypothesis, Scene } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

interface BehindHaproxy extends Ground<Cluster> {
  proxy: Haproxy;
}

const LOOK_EVERY_MS = 20;
/** A stall of this length would let Redis grow noticeably, but it is far below the threshold of any alert. */
const FLUSH_GAP_MS_MAX = 2_500;

/**
 * A migration that the next version might contain: it only adds a column and an index, and does not lock the tables,
 * because pods of this version write to them meanwhile.
 */
class NextVersion1999999999000 implements MigrationInterface {
  readonly name = 'NextVersion1999999999000';
  async up(runner: QueryRunner): Promise<void> {
    // MySQL does not support ADD … IF NOT EXISTS.
    for (const table of ['accounts', 'transfers']) {
      if (await runner.hasColumn(table, 'next_version')) continue;
      await runner.query(`ALTER TABLE ${table} ADD COLUMN next_version INT NULL, ALGORITHM=INSTANT`);
    }
    const index = (await runner.query("SHOW INDEX FROM transfers WHERE Key_name = 'next_version'")) as unknown[];
    if (index.length > 0) return;
    await runner.query('ALTER TABLE transfers ADD INDEX next_version (persisted_at), ALGORITHM=INPLACE, LOCK=NONE');
  }
  async down(): Promise<void> {}
}

export const rollBehindHaproxy: Hypothesis<BehindHaproxy> = {
  name: 'roll-behind-haproxy',
  expectation:
    'An upgrade behind an HAProxy without retries. Under load, two migrations run at once; then all pods and keepers are restarted, twice. No request fails, and flushing does not stall.',
  pauseMsMax: 1_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 1 } },
  load: BUSY_LOAD,
  async ground() {
    const cluster = await Cluster.start({ env: { PRE_STOP_DELAY_MS: '4000' } });
    try {
      const proxy = cluster.add(
        await Haproxy.before(
          cluster.pods.map(({ url }) => url),
          cluster.dir,
        ),
      );
      await proxy.start();
      await proxy.untilUp(cluster.pods.length);
      cluster.proxy = proxy.url;
      return { stack: cluster, proxy, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  },
  async fault(scene) {
    const { stack: cluster } = scene.ground;
    const stop = new AbortController();
    const watching = longestFlushGap(cluster, stop.signal);
    try {
      await upgradeSchema(scene);
      for (const round of scene.short ? [1] : [1, 2]) await roll(scene, round);
    } finally {
      stop.abort();
    }
    const gapMs = await watching;
    scene.note(`the flush stalled for at most ${Math.round(gapMs)} ms`);
    if (gapMs > FLUSH_GAP_MS_MAX) scene.late(`the flush stalled for ${Math.round(gapMs)} ms`);
  },
};

async function upgradeSchema({ ground: { stack: cluster }, mark, note, wrong }: Scene<BehindHaproxy>): Promise<void> {
  const { port, password } = cluster.file.mysql;
  const url = mysqlUrl({ port, password });
  mark('two migrations start');
  const since = now();
  const done = await Promise.all([migrate(url, [NextVersion1999999999000]), migrate(url, [NextVersion1999999999000])]);
  note(`migrated in ${((now() - since) / 1000).toFixed(1)} s`);
  if (done.flat().join() !== 'NextVersion1999999999000') wrong(`unexpected migrations: ${JSON.stringify(done)}`);
  if ((await migrate(url)).length > 0) wrong('the previous version migrates again');
}

async function roll({ ground, mark, note }: Scene<BehindHaproxy>, round: number): Promise<void> {
  const { stack: cluster, proxy } = ground;
  for (const service of [...cluster.pods, ...cluster.keepers]) {
    mark(`roll ${round}: ${service.name} gets SIGTERM`);
    const ms = await service.stop();
    const since = now();
    await service.start();
    await cluster.untilReady();
    await proxy.untilUp(cluster.pods.length);
    note(
      `roll ${round}: ${service.name} ended in ${inSeconds(ms)} s, and was back ${inSeconds(now() - since)} s later`,
    );
  }
}

const inSeconds = (ms: number): string => (ms / 1000).toFixed(1);

/**
 * Under load there is always something to flush, so a cursor that does not advance means that the flush has stalled.
 */
async function longestFlushGap(cluster: Cluster, stop: AbortSignal): Promise<number> {
  let longest = 0;
  let before = '';
  let since = now();
  while (!stop.aborted) {
    const [row] = await cluster.query('SELECT seq FROM flush_cursor WHERE shard = 0');
    const seq = String(row?.['seq']);
    if (seq !== before) since = now();
    before = seq;
    longest = Math.max(longest, now() - since);
    await sleep(LOOK_EVERY_MS);
  }
  return longest;
}
