import { type Client, silence } from '../../verification/harness/client.ts';
import type { Cluster } from '../../verification/harness/cluster.ts';
import { clockAhead, newService } from '../../verification/harness/service.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { fieldsOf } from '../../verification/load/answers.ts';
import type { Monitoring } from '../harness/monitoring.ts';
import { SecondInstallation } from '../harness/second-installation.ts';

export interface Scene {
  cluster: Cluster;
  client: Client;
  monitoring: Monitoring;
  id: string;
}

export interface Fault {
  name: string;
  what: string;
  must: readonly string[];
  /** Alerts that may also fire, because their conditions are met at that moment. Any other alert is a false alarm. */
  may: readonly string[];
  /** @returns a function that ends the fault, and may be called twice */
  begin(scene: Scene): Promise<AsyncDisposable>;
}

const BACK_MS_MAX = 90_000;
const CLOCK_AHEAD_MS = 10_000;

const once = (end: () => Promise<unknown>): AsyncDisposable => {
  let ended: Promise<unknown> | null = null;
  return {
    async [Symbol.asyncDispose]() {
      ended ??= end();
      await ended;
    },
  };
};
const nothing = once(async () => {});

/** Alerts about slowness, which are correct on an overloaded machine. */
const SLOW = ['HoldfastTransfersSlow', 'HoldfastBalancesSlow', 'HoldfastApplySlow', 'HoldfastFlushLagHigh'];
const CLIENTS_SEE = [...SLOW, 'HoldfastServerErrors'];

export const FAULTS: readonly Fault[] = [
  {
    name: 'calm',
    what: 'traffic without a fault for 20 s',
    must: [],
    may: SLOW,
    async begin() {
      await sleep(20_000);
      return nothing;
    },
  },
  {
    name: 'redis-restart',
    what: 'Redis is killed and immediately restarted, three times in a minute',
    must: [],
    may: [...CLIENTS_SEE, 'HoldfastEpochChanging', 'HoldfastRedisErrors'],
    async begin({ cluster }) {
      for (let time = 0; time < 3; time++) {
        await cluster.redis.kill();
        await cluster.redis.start();
        await cluster.untilBack(BACK_MS_MAX);
        await sleep(15_000);
      }
      return nothing;
    },
  },
  {
    name: 'redis-away',
    what: 'Redis is killed and unavailable for 45 s; its journal was already flushed',
    must: ['HoldfastNotInCache', 'HoldfastStoreDown'],
    // HoldfastRedisErrors may fire for a short time: once the ledger has moved to MySQL, nothing sends requests to
    // Redis.
    may: [...CLIENTS_SEE, 'HoldfastEpochChanging', 'HoldfastRedisErrors'],
    async begin({ cluster }) {
      await cluster.redis.kill();
      await sleep(45_000);
      return once(async () => {
        await cluster.redis.start();
        await cluster.untilBack(BACK_MS_MAX);
      });
    },
  },
  {
    name: 'mysql-stopped',
    what: 'MariaDB is killed and unavailable until the journal is old and full',
    must: [
      'HoldfastStoreDown',
      'HoldfastMysqlErrors',
      'HoldfastFlushFailing',
      'HoldfastFlushAlert',
      'HoldfastJournalOld',
      'HoldfastJournalLong',
      'HoldfastBacklogFull',
    ],
    may: [...CLIENTS_SEE, 'HoldfastFlushLagBroken'],
    async begin({ cluster }) {
      await cluster.mysql.kill();
      return once(async () => {
        await cluster.mysql.start();
        await cluster.untilBack(BACK_MS_MAX);
      });
    },
  },
  {
    name: 'mysql-restart',
    what: 'MariaDB is killed and immediately restarted',
    must: [],
    may: [...CLIENTS_SEE, 'HoldfastFlushLagBroken'],
    async begin({ cluster }) {
      await cluster.mysql.kill();
      await cluster.mysql.start();
      await sleep(20_000);
      return nothing;
    },
  },
  {
    name: 'keeper-killed',
    what: 'one of two keepers is down for 15 s',
    must: [],
    may: SLOW,
    async begin({ cluster }) {
      await cluster.keeper(0).kill();
      await sleep(15_000);
      return once(() => cluster.keeper(0).start());
    },
  },
  {
    name: 'keepers-killed',
    what: 'both keepers are killed',
    must: ['HoldfastKeeperAbsent'],
    may: [...CLIENTS_SEE, 'HoldfastBacklogFull', 'HoldfastJournalOld', 'HoldfastJournalLong', 'HoldfastFlushLagBroken'],
    async begin({ cluster }) {
      await Promise.all(cluster.keepers.map((keeper) => keeper.kill()));
      return once(async () => {
        await Promise.all(cluster.keepers.map((keeper) => keeper.start()));
        await cluster.untilBack(BACK_MS_MAX);
      });
    },
  },
  {
    name: 'pods-killed',
    what: 'both pods are killed',
    must: ['HoldfastApiAbsent'],
    may: SLOW,
    async begin({ cluster }) {
      await Promise.all(cluster.pods.map((pod) => pod.kill()));
      return once(() => Promise.all(cluster.pods.map((pod) => pod.start())));
    },
  },
  {
    name: 'redis-and-pod-killed',
    what: 'Redis and a pod are killed at the same moment and stay down',
    must: ['HoldfastClosing', 'HoldfastLedgerClosed', 'HoldfastNotInCache', 'HoldfastStoreDown'],
    // Transfers accepted just before the kill reach MySQL only when Redis is back, more than 30 s later.
    may: [
      ...CLIENTS_SEE,
      'HoldfastRedisErrors',
      'HoldfastEpochChanging',
      'HoldfastRequestsNearLimit',
      'HoldfastFlushLagBroken',
    ],
    async begin({ cluster }) {
      await Promise.all([cluster.redis.kill(), cluster.pod(0).kill()]);
      return once(async () => {
        await Promise.all([cluster.redis.start(), cluster.pod(0).start()]);
        await cluster.untilBack(BACK_MS_MAX);
      });
    },
  },
  {
    name: 'ledger-stopped',
    what: 'an operator stops the ledger, and releases it once the alert has arrived',
    must: ['HoldfastLedgerStopped'],
    may: CLIENTS_SEE,
    async begin({ client }) {
      const reason = 'Test: the alert about an emergency stop.';
      await client.post('/v1/ops/stop', { reason });
      return once(() => client.post('/v1/ops/release', { reason }));
    },
  },
  {
    name: 'balance-changed',
    what: 'a balance in MySQL is changed by hand, and a reconciliation runs',
    must: ['HoldfastDrift'],
    may: SLOW,
    async begin({ cluster, client, id }) {
      const account = `drift-${id}`;
      await client.post('/v1/accounts', { accountId: account, currency: 'EUR' });
      const reconcile = (clean: boolean) =>
        until(`the books are ${clean ? 'clean' : 'not clean'}`, BACK_MS_MAX, async () => {
          const { status, body } = await client.post('/v1/ops/reconciliations', {}).catch(silence);
          return status === 200 && fieldsOf(body)['clean'] === clean;
        });
      const change = (by: number) =>
        cluster.query(`UPDATE accounts SET balance = balance + ${by} WHERE account_id = '${account}'`);
      await change(1);
      await reconcile(false);
      return once(async () => {
        await change(-1);
        await reconcile(true);
      });
    },
  },
  {
    name: 'pod-restarts',
    what: 'a pod is killed and restarted four times',
    must: ['HoldfastRestarting'],
    may: SLOW,
    async begin({ cluster }) {
      for (let time = 0; time < 4; time++) {
        await cluster.pod(0).kill();
        await cluster.pod(0).start();
        await sleep(4000);
      }
      return nothing;
    },
  },
  {
    name: 'second-installation',
    what: 'a second installation with its own MySQL is pointed at the Redis of the first',
    must: ['HoldfastRedisForeign', 'HoldfastNotInCache'],
    may: SLOW,
    async begin({ cluster, monitoring }) {
      const second = await SecondInstallation.beside(cluster);
      const { pod, keeper } = await second.processesOn(cluster.redis);
      await Promise.all([pod.start(), keeper.start()]);
      const release = 'second';
      monitoring.watch([
        { job: 'api', release, service: pod },
        { job: 'keeper', release, service: keeper },
      ]);
      return once(async () => {
        monitoring.watch([]);
        await Promise.all([pod.stop(), keeper.stop()]);
      });
    },
  },
  {
    name: 'clock-ahead',
    what: `a third pod starts with a clock that is ${CLOCK_AHEAD_MS / 1000} s ahead`,
    must: ['HoldfastClockOff'],
    may: SLOW,
    async begin({ cluster, monitoring }) {
      const number = cluster.pods.length + 1;
      const pod = cluster.add(await newService(cluster.around(), 'api', number, { env: clockAhead(CLOCK_AHEAD_MS) }));
      await pod.start();
      monitoring.watch([{ job: 'api', release: 'holdfast', service: pod }]);
      return once(async () => {
        monitoring.watch([]);
        await pod.stop();
      });
    },
  },
];

/** Alerts that no fault above triggers, and why. */
export const NOT_TRIED: Readonly<Record<string, string>> = {
  HoldfastInternalErrors: 'no fault is known to cause an internal error; each occurrence is a bug',
  HoldfastTransfersSlow: 'depends on the load of the machine; fires here if the machine is overloaded',
  HoldfastBalancesSlow: 'depends on the load of the machine; the traffic here reads no balances',
  HoldfastServerErrors: 'depends on the load; a fault that delays all requests triggers it',
  HoldfastRequestsNearLimit: 'needs thousands of concurrent requests',
  HoldfastQueueNearLimit: 'needs thousands of queued transfers',
  HoldfastRedisErrors: 'needs a Redis that keeps returning errors (redis-out-of-memory)',
  HoldfastApplySlow: 'needs a Redis that is slow for minutes (redis-slow)',
  HoldfastCacheMisses: 'needs more accounts than Redis holds (accounts-churn)',
  HoldfastSlowIds: 'needs clients whose ids are not UUIDv7',
  HoldfastFlushLagHigh: 'depends on how fast the backlog is flushed',
  HoldfastFlushLagBroken: 'needs a backlog that is older than 30 s when MySQL is back',
  HoldfastTailLarge: 'needs a tail that uses half of TAIL_BYTES_MAX',
  HoldfastEpochsDiffer: 'needs a pod that loses only MySQL',
  HoldfastEpochChanging: 'needs a Redis that flaps (redis-flapping)',
  HoldfastFrozenAccounts: 'needs replies that are lost together with Redis (replies-lost)',
  HoldfastReconciliationMissing: 'needs 26 hours',
  HoldfastLogLinesDropped: 'needs a log reader that has stopped reading',
};
