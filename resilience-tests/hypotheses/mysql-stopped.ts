import { rmSync } from 'node:fs';
import { startMariadb } from '../../devstack/stores/mariadb.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { sleep } from '../../verification/harness/time.ts';
import { type Ground, type Hypothesis, ownStack } from '../harness/hypothesis.ts';

interface WithMysql extends Ground {
  /** Stops the server in an orderly way, and returns a function that restarts it with the same data and port. */
  stopMysql(): Promise<() => Promise<void>>;
}

/** A stack whose MySQL is given by MYSQL_URL, so the stack's supervisor does not restart it. */
async function stackOnGivenMysql(): Promise<WithMysql> {
  const dir = temporaryFolder();
  let mysql = await startMariadb({ dir });
  const { port, url } = mysql;
  const { stack } = await ownStack({ env: { MYSQL_URL: url } });
  return {
    stack,
    async stopMysql() {
      await mysql.stop();
      return async () => {
        mysql = await startMariadb({ dir, port });
      };
    },
    async [Symbol.asyncDispose]() {
      await stack[Symbol.asyncDispose]();
      await mysql.stop();
      if (!stack.keep) rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const mysqlStopped: Hypothesis<WithMysql> = {
  name: 'mysql-stopped-two-minutes',
  expectation:
    'MySQL is unavailable for 120 s. Transfers between cached accounts continue throughout, and are in MySQL soon after it is back.',
  pauseMsMax: 5_000,
  // A new stack starts with MySQL as its authority, and looks up ids there for the next 10 s.
  seconds: { full: { before: 15, after: 30 }, short: { before: 15, after: 10 } },
  // Requests that need MySQL wait for it up to 10 s; there are enough workers for them and for all other requests.
  load: { workers: 600 },
  ground: stackOnGivenMysql,
  async fault({ ground, short, note }) {
    const startAgain = await ground.stopMysql();
    const seconds = short ? 10 : 120;
    await sleep(seconds * 1000);
    await startAgain();
    note(`MySQL was unavailable for ${seconds} s`);
  },
};
