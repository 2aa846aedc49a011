/**
 * Measures the cost of switch-over safety in normal operation: the same transfers through the same code on a private
 * Redis, with and without the scripts' prologue, the pod's tail and its list of in-doubt attempts, in alternating
 * turns.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { choice, readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import { newUuidV7 } from '../app/domain/ids.ts';
import { ofTestLedger } from '../app/domain/testing/ledger-id.ts';
import type { Account, TransferOrder } from '../app/domain/types.ts';
import type { Caller } from '../app/journal/cache-port.ts';
import { systemClock } from '../app/kernel/clock.ts';
import { EpochView, InDoubtAttempts, type Session } from '../app/ledger/epoch/epoch-view.ts';
import { PodLedger } from '../app/ledger/pod-ledger.ts';
import { connectRedis } from '../app/redis/connection.ts';
import { RedisScripts } from '../app/redis/redis-scripts.ts';
import { loadScript } from '../app/redis/run-script.ts';
import { shardPrefix } from '../app/redis/shard-prefix.ts';
import { startRedis } from '../devstack/stores/redis.mjs';
import { temporaryFolder } from '../devstack/testing/temporary.mjs';
import { median } from '../verification/harness/command.ts';

const ACCOUNTS = 1000;
const WORKERS = 64;
const { values } = readCommandLine({
  name: 'npx tsx loadtest/protocol-cost.ts',
  about: 'Measures what the switch-over protocol costs per transfer, on a private Redis.',
  options: {
    rounds: wholeNumber('number of rounds', { min: 1, max: 1000, fallback: 9 }),
    seconds: wholeNumber('length of each turn', { min: 1, max: 600, fallback: 4 }),
    without: choice(['both', 'tail', 'prologue'], 'what to leave out of the other contender', 'both'),
  },
});

/** The apply script without the checks that it makes first: of the server, the fence and the pod's registration. */
function bareApply(): { sha: string; bareSha: string; text: string } {
  const { sha, text } = loadScript('apply');
  const bare = text
    .replace(/local function other_server\(\)[\s\S]*?\nend\n/, '')
    .replace(/local function server_refusal\(\)[\s\S]*?\nend\n/, 'local function server_refusal() return nil end\n')
    .replace(/ {2}if ARGV\[2\] ~= 'keeper'[\s\S]*?\n {2}end\n/, '');
  if (bare.includes('INFO') || bare.includes("'REFUSED retired'"))
    throw new Error('the prologue no longer has the expected form');
  return { sha, bareSha: createHash('sha1').update(bare).digest('hex'), text: bare };
}

class NoInDoubtAttempts extends InDoubtAttempts {
  override begin(): void {}
  override end(): void {}
}
class ForgetfulView extends EpochView {
  readonly #none = new NoInDoubtAttempts();
  override get inDoubt(): InDoubtAttempts {
    return this.#none;
  }
  override keep(): void {}
}

function sessionAt(view: EpochView): Session {
  return {
    view: () => view,
    direct: () => null,
    format: () => 1,
    suspect(error) {
      throw error;
    },
    moved: () => {},
    onOpen: () => {},
    holdReason: () => 'ledger_switching',
  };
}

const account = (index: number): Account => ({
  accountId: `account-${index}`,
  currency: 'EUR',
  external: true,
  balance: 0,
  held: 0,
  version: 0,
  overdraftLimit: 0,
  status: 'ACTIVE',
  settingsVersion: 1,
  limits: null,
});
const accounts = Array.from({ length: ACCOUNTS }, (_, index) => account(index));
const nothing = {
  applied() {},
  answered() {},
  holdEvent() {},
  limitRefused() {},
  retried() {},
  lookedUp() {},
  accountsHit() {},
  accountsMissed() {},
  evicted() {},
};
const never = () => Promise.reject(new Error('everything is cached'));

function order(number: number): TransferOrder {
  return {
    kind: 'transfer',
    transactionId: newUuidV7(Date.now()),
    source: `account-${number % ACCOUNTS}`,
    destination: `account-${(number * 7 + 1) % ACCOUNTS}`,
    amount: 1,
    currency: 'EUR',
    timestamp: null,
    reference: null,
    metadata: null,
    reverses: null,
    user: 'cost',
    correlationId: 'cost',
  };
}

interface Bench {
  name: string;
  run(seconds: number, perCall: number): Promise<number>;
}

function bench(name: string, ledger: PodLedger): Bench {
  return {
    name,
    async run(seconds, perCall) {
      const until = performance.now() + seconds * 1000;
      let done = 0;
      const work = async (worker: number) => {
        for (let number = worker; performance.now() < until; number += WORKERS * perCall) {
          const orders = Array.from({ length: perCall }, (_, index) => order(number + index));
          const answers = await ledger.apply(orders, 'cache');
          if (answers.some((answer) => answer instanceof Error)) throw new Error('a transfer was not posted');
          done += perCall;
        }
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: perCall > 1 ? 4 : WORKERS }, (_, worker) => work(worker)));
      return done / ((performance.now() - started) / 1000);
    },
  };
}

const dir = temporaryFolder();
const server = await startRedis({ dir });
try {
  const redis = connectRedis({ url: server.url, connectTimeoutMs: 1000, commandTimeoutMs: 5000 });
  if (redis.status !== 'ready') await once(redis, 'ready');
  const helper = new Redis(server.url);
  const scripts = new RedisScripts(redis, shardPrefix('cost'), ofTestLedger);
  const replid = /master_replid:(\w+)/.exec(await helper.info('replication'))?.[1] ?? '';
  const caller: Caller = { epoch: 1, format: 1, replid, podId: 'pod' };
  await scripts.activate({ epoch: 1, format: 1 }, replid, 'marker', Date.now() - 60_000);
  await scripts.register(caller, 'marker');
  await scripts.install(caller, accounts, 0, ACCOUNTS);

  const { sha, bareSha, text } = bareApply();
  await helper.script('LOAD', text);
  const bareRedis = new Proxy(redis, {
    get(target, key) {
      if (key !== 'callBuffer') return Reflect.get(target, key, target);
      return (command: string, first: string, ...rest: never[]) =>
        target.callBuffer(command, first === sha ? bareSha : first, ...rest);
    },
  });
  const parts = (cache: RedisScripts, view: EpochView) => ({
    cache,
    view,
    ledger: new PodLedger({
      cache,
      session: sessionAt(view),
      clock: systemClock,
      events: nothing,
      database: { loadAccounts: never, findOutcomes: never, findGroups: never, findHolds: never, loadHolds: never },
      direct: { apply: never, applyGroups: never, applyHolds: never, change: never },
      limits: {
        requestTimeoutMs: 10_000,
        queueTransfersMax: 100_000,
        databaseWaitRequestsMax: 1_000,
        applyBatchMax: 1000,
        applyCallsInFlightMax: 2,
        secondCallTransfersMin: 32,
        backlogEntriesMax: 1e9,
        backlogAgeMaxMs: 1e9,
        tailBytesMax: 1e9,
        cachedAccountsMax: ACCOUNTS,
      },
    }),
  });
  const safe = parts(scripts, new EpochView(caller));
  const variant = values.without;
  const bare = parts(
    variant === 'tail' ? scripts : new RedisScripts(bareRedis, shardPrefix('cost'), ofTestLedger),
    variant === 'prologue' ? new EpochView(caller) : new ForgetfulView(caller),
  );
  // Releases the tail and trims the journal, as a keeper would.
  const flush = async () => {
    const { head } = await scripts.read(caller, []);
    await scripts.publish({ fenceEpoch: 1, epoch: 1, format: 1, replid }, head.seq, head.seq - 10_000);
  };
  let flushed = Promise.resolve();
  const flushing = setInterval(() => {
    flushed = flushed.then(flush);
  }, 100);

  for (const perCall of [1, 100]) {
    const benches = [bench('with', safe.ledger), bench('without', bare.ledger)];
    for (const one of benches) await one.run(1, perCall);
    const rates: Record<string, number[]> = { with: [], without: [] };
    for (let round = 0; round < values.rounds; round++) {
      for (const one of round % 2 ? [...benches].reverse() : benches) {
        rates[one.name]?.push(await one.run(values.seconds, perCall));
      }
    }
    const [withIt, without] = [median(rates['with'] ?? []), median(rates['without'] ?? [])];
    console.log(
      `${perCall === 1 ? 'single transfers' : `batches of ${perCall}`}: ${Math.round(withIt)}/s with, ${Math.round(without)}/s without: ${((withIt / without) * 100).toFixed(1)} %`,
    );
  }
  clearInterval(flushing);
  await flushed;
  helper.disconnect();
  redis.disconnect();
} finally {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}
