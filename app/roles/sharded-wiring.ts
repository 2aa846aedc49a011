import type { ApiDependencies } from '../api/api-dependencies.ts';
import { shardOfAccount } from '../domain/account-shard.ts';
import type { TransferOrder } from '../domain/types.ts';
import type { LedgerEvents } from '../ledger/ports/ledger-events.ts';
import { SqlBooks } from '../mysql/ledger/books.ts';
import { MysqlCrossingStore } from '../mysql/ledger/crossing-store.ts';
import { SqlHistory } from '../mysql/ledger/history.ts';
import { SqlHoldBooks } from '../mysql/ledger/hold-books.ts';
import { returnedMoney } from '../mysql/operations/returned-money.ts';
import type { Courier, CourierTiming } from '../shards/courier.ts';
import type { Between, CrossingEvents } from '../shards/crossing-events.ts';
import type { Shard } from '../shards/shard.ts';
import { joinShards } from '../shards/sharded.ts';
import type { Context } from './context.ts';
import type { PodShard } from './pod-shard.ts';
import { tracedHolds, tracedLedger, tracedShard } from './traced.ts';

/** Most transfers are complete, and in the MySQL of both shards, long before a courier closes them. */
const COURIER: CourierTiming = {
  everyMs: 1_000,
  minAgeMs: 3_000,
  pageMax: 500,
  inFlightMax: 64,
  openMax: 100_000,
};

/** What the API uses of several shards, and the courier of this pod, which `run` starts. */
export function joinPodShards(
  context: Context,
  shards: readonly PodShard[],
): Pick<ApiDependencies, 'ledger' | 'books' | 'history' | 'holds' | 'holdBooks' | 'returnedMoney'> & {
  courier: Courier;
} {
  const { clock, config, processId, tracing } = context;
  const { ledger, books, history, holds, holdBooks, returnedMoney, courier } = joinShards(shards.map(shardOf), {
    clock,
    processId,
    requestTimeoutMs: config.http.requestTimeoutMs,
    courier: context.courierTiming ?? COURIER,
    events: eventsOf(context, shards),
  });
  return {
    ledger: tracedLedger(ledger, tracing),
    books,
    history,
    holds: tracedHolds(holds, tracing),
    holdBooks,
    returnedMoney,
    courier,
  };
}

function shardOf({ context, ledger }: PodShard): Shard {
  const { clock, database, detectors } = context;
  return {
    ledger: tracedShard(ledger, context.shard, context.tracing),
    books: new SqlBooks({ database, clock }),
    history: new SqlHistory({ database }),
    holds: ledger.holds,
    holdBooks: new SqlHoldBooks({ database }),
    database: context.reader,
    crossings: new MysqlCrossingStore(database),
    returns: () => returnedMoney(database),
    isDatabaseAway: () => detectors.mysql.state === 'open',
  };
}

function eventsOf(
  { logger, metrics }: Context,
  shards: readonly PodShard[],
): CrossingEvents & Pick<LedgerEvents, 'answered'> {
  const crossings = metrics.ofCrossings();
  const shardOfSource = ({ source }: TransferOrder) => shards[shardOfAccount(source, shards.length)]?.context;
  return {
    answered(order, answer) {
      logger.transferLogged(order, answer);
      shardOfSource(order)?.metrics.transferAnswered(answer);
    },
    ended(between, end, by) {
      crossings.ended(between, end, by);
      const needsHelp = end === 'kept' || end === 'stuck' || end === 'conflict';
      if (needsHelp) logger.log.error({ ...fieldsOf(between), end }, MESSAGES[end]);
    },
    legFailed(between, leg, code, isUnexpected) {
      crossings.legFailed(between, leg, code, isUnexpected);
      // A transfer that only has to wait is counted but not logged, and is completed later.
      if (isUnexpected)
        logger.log.error({ ...fieldsOf(between), leg, code }, 'a leg of a transfer between shards failed');
    },
    courierFailed(from, to, error) {
      crossings.courierFailed();
      logger.log.warn({ err: error, from, to }, 'open transfers between shards could not be completed; retrying');
    },
    open: (from, to, summary) => crossings.open(from, to, summary),
  };
}

const fieldsOf = ({ transactionId, from, to }: Between) => ({ transactionId, from, to });

const MESSAGES = {
  kept: 'neither account can take the money of a transfer between shards; it is kept on the account of returns',
  stuck: 'no account can take the money of a transfer between shards; it stays in transit',
  conflict: 'the legs of a transfer between shards contradict each other',
};
