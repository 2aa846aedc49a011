import { shardOfAccount } from '../../app/domain/account-shard.ts';
import type { Attempt, HoldRequest } from '../../verification/checker/history.ts';
import { errorIn, listOf, type Seen } from './seen.ts';

/** What clients observed about transfers on some paths, for example inside a shard. */
export interface PathsSeen {
  posted: number;
  errors: ReadonlyMap<string, number>;
  /** The longest time without a success, ms. */
  pauseMs: number;
  /** The longest time until an answer, ms, and percentiles of the time until a transfer was posted. */
  waitMsMax: number;
  p50Ms: number;
  p99Ms: number;
  /** The kind of the request that waited longest, and its shards, such as `capture in shard 1`. */
  slowest: string;
}

type Belongs = (from: number, to: number) => boolean;

/**
 * Transfers that do not touch the shard `away`: those inside one of the other shards, and those between two of them.
 */
export const insideOthers =
  (away: number): Belongs =>
  (from, to) =>
    from === to && from !== away;
export const acrossOthers =
  (away: number): Belongs =>
  (from, to) =>
    from !== to && from !== away && to !== away;
export const touching =
  (away: number): Belongs =>
  (from, to) =>
    from === away || to === away;
export const inside: Belongs = (from, to) => from === to;
export const across: Belongs = (from, to) => from !== to;

/**
 * A request counts only if all of its transfers belong to the paths, because the answer to a batch waits for all of
 * them.
 * @param span ms of `now()`; a request counts if it was answered in this time
 */
export function pathsSeen(
  { history }: Pick<Seen, 'history'>,
  shards: number,
  belongs: Belongs,
  { from, to }: { from: number; to: number },
): PathsSeen {
  const foreign = new Set<string>();
  const own: Attempt[] = [];
  for (const { attempts } of history.transfers.values()) {
    for (const attempt of attempts) {
      const { source, destination } = attempt.content;
      const isOwn = belongs(shardOfAccount(source, shards), shardOfAccount(destination, shards));
      if (isOwn) own.push(attempt);
      else foreign.add(attempt.correlationId);
    }
  }
  const answered = own.filter(
    ({ correlationId, endedAt }) => !foreign.has(correlationId) && endedAt >= from && endedAt <= to,
  );
  const errors = new Map<string, number>();
  for (const { answer } of answered) {
    const code = errorIn(answer);
    if (code !== null) errors.set(code, (errors.get(code) ?? 0) + 1);
  }
  const posted = answered.filter(({ answer }) => answer.kind === 'posted' && answer.replayed !== true);
  const moments = posted.map(({ endedAt }) => endedAt).sort((a, b) => a - b);
  const times = posted.map(({ sentAt, endedAt }) => endedAt - sentAt).sort((a, b) => a - b);
  const slowest = answered.reduce<Attempt | null>(
    (most, one) => (most && waitMs(most) >= waitMs(one) ? most : one),
    null,
  );
  const rank = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return {
    posted: posted.length,
    errors,
    pauseMs: longestGap([from, ...moments, to]),
    waitMsMax: slowest ? waitMs(slowest) : 0,
    p50Ms: rank(0.5),
    p99Ms: rank(0.99),
    slowest: slowest ? kindOf(slowest, shards) : 'none',
  };
}

/** The results of requests for holds in some shards, except captures: placing, changing, reading and voiding. */
export function holdsSeen(
  { history }: Pick<Seen, 'history'>,
  belongs: (account: string) => boolean,
  { from, to }: { from: number; to: number },
): { answered: number; waitMsMax: number; slowest: string } {
  let slowest: HoldRequest | null = null;
  let answered = 0;
  for (const { requests } of history.holds?.values() ?? []) {
    const placing = requests.find(({ op }) => op === 'place');
    if (placing?.op !== 'place' || !belongs(placing.content.account)) continue;
    for (const request of requests) {
      if (request.endedAt < from || request.endedAt > to) continue;
      answered += 1;
      if (!slowest || waitMs(request) > waitMs(slowest)) slowest = request;
    }
  }
  return { answered, waitMsMax: slowest ? waitMs(slowest) : 0, slowest: slowest?.op ?? 'none' };
}

const waitMs = ({ sentAt, endedAt }: Pick<Attempt, 'sentAt' | 'endedAt'>): number => endedAt - sentAt;

function kindOf({ content: { source, destination, capture, groupId } }: Attempt, shards: number): string {
  const [from, to] = [shardOfAccount(source, shards), shardOfAccount(destination, shards)];
  const where = from === to ? `in shard ${from}` : `from shard ${from} to ${to}`;
  if (capture) return `capture ${where}`;
  return groupId === undefined ? `transfer ${where}` : `group ${where}`;
}

const longestGap = (moments: readonly number[]): number =>
  moments.reduce((most, moment, index) => Math.max(most, moment - (moments[index - 1] ?? moment)), 0);

export const textOfPaths = ({ posted, errors, pauseMs, waitMsMax, p50Ms, p99Ms, slowest }: PathsSeen): string =>
  `${posted} posted, errors: ${listOf(errors)}, at most ${inMs(pauseMs)} without a success, latency p50 ${inMs(p50Ms)}, p99 ${inMs(p99Ms)}, longest answer ${inMs(waitMsMax)} (${slowest})`;

export const textOfHolds = ({ answered, waitMsMax, slowest }: ReturnType<typeof holdsSeen>): string =>
  `${answered} answers, longest answer ${inMs(waitMsMax)} (${slowest})`;

const inMs = (ms: number): string => (Number.isFinite(ms) ? `${Math.round(ms)} ms` : '–');
