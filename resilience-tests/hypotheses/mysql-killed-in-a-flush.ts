import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { WITHOUT_MYSQL } from '../harness/seen.ts';

export const mysqlKilledInAFlush: Hypothesis<Ground<Cluster>> = {
  name: 'mysql-killed-in-a-flush',
  expectation: 'MySQL is repeatedly killed during a flush. Each flush is either in MySQL completely or not at all.',
  pauseMsMax: 1_000,
  errorsAllowed: WITHOUT_MYSQL,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    for (let round = 0; round < (short ? 2 : 6); round++) {
      await until('a flush writes', 30_000, async () => {
        // Polls as often as possible: a flush takes a few milliseconds.
        for (let look = 0; look < 100; look++) {
          const statements = await cluster.query('SHOW PROCESSLIST').catch(() => []);
          if (statements.some(({ Info }) => /^\s*INSERT INTO transfers/.test(Info ?? ''))) return true;
        }
        return false;
      });
      mark('MySQL killed in a flush');
      await cluster.mysql.kill();
      await sleep(500);
      await cluster.mysql.start();
      await sleep(short ? 1_000 : 3_000);
    }
  },
};
